// TLS over any stream, and what is wrong with a server's certificate.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/stream.h"
#include "net/trust.h"

namespace testctr::net {

/// Shakes hands with a server over `lower`. The certificate must be trusted, and valid for `host` (a name,
/// also sent as SNI, or an address), unless `trust` says otherwise.
/// @param authority "host:port", for messages and for the folder that a hint names
/// @return the stream above; an error: EPROTO with the reason and, for certificates, what would be trusted;
/// the patience's own when it takes too long; ECONNRESET and the like where the connection ended.
Result<std::unique_ptr<Stream>> tls_stream(std::unique_ptr<Stream> lower, TlsContexts& contexts,
                                           const Tls& trust, const std::string& host,
                                           const std::string& authority, Patience& patience);

}  // namespace testctr::net
