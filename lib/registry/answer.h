// What a registry's answer of refusal says, for people.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace testctr::registry {

/// The messages in a body of errors ({"errors": [{"code", "message"}]}, {"message"}, {"details"} of tokens'
/// servers), or its first line; printable, at most some hundred bytes, "" for nothing.
std::string told_in(std::string_view body);

/// "404, MANIFEST_UNKNOWN: no such manifest": status and what the body says. Reads the body, at most 64 KiB
/// of it.
std::string told_by(net::Response& response);

/// An error for a status that was not expected: what was asked for, status, and what the body says, read
/// as `told_by` does. Its errno: ENOENT for 404, EACCES for 401 and 403, else none.
Error refusal(net::Response& response, const std::string& what);

}  // namespace testctr::registry
