// What trust in servers stands on: OpenSSL's contexts, one for each Tls value, and the system's list of
// authorities.
#pragma once

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "net/http.h"
#include "net/proxy.h"

namespace testctr::net {

class SystemAuthorities;

/// Makes contexts and keeps them. Safe for several threads.
class TlsContexts {
 public:
  /// @param environment for SSL_CERT_FILE and SSL_CERT_DIR
  explicit TlsContexts(Environment environment);
  ~TlsContexts();
  TlsContexts(const TlsContexts&) = delete;
  TlsContexts& operator=(const TlsContexts&) = delete;

  /// A context for clients that trusts what `trust` says: TLS 1.2 at least, of this machine's configuration
  /// of OpenSSL nothing. The system's list is read when a certificate comes that nothing else vouches for.
  /// @return an error for files that cannot be read; EPROTO for those that hold no certificates, and for keys
  /// that do not fit.
  Result<std::shared_ptr<SSL_CTX>> context(const Tls& trust);
  /// Where the system's list was found, for messages; "" where there is none.
  std::string system_list();

 private:
  std::mutex mutex_;
  std::map<Tls, std::shared_ptr<SSL_CTX>> contexts_;
  std::shared_ptr<SystemAuthorities> system_;
};

/// The newest reason of the library's queue as text, and empties the queue.
std::string tls_reason();

}  // namespace testctr::net
