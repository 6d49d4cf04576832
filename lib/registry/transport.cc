#include "registry/transport.h"

#include "base/text.h"
#include "registry/credentials.h"

namespace testctr::registry {
namespace {

constexpr int most_redirects = 10;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

void remove_header(net::Request& request, std::string_view name) {
  std::erase_if(request.headers, [&](const auto& header) { return header.first == name; });
}

Result<net::Tls> Transport::trust(const net::Url& url) {
  if (!url.tls) return net::Tls{};
  std::lock_guard hold(mutex_);
  const std::string key = url.authority();
  if (auto known = trusted_.find(key); known != trusted_.end()) return known->second;
  // The registry's own folder is called as it is in names: "docker.io", or with a port that goes without
  // saying.
  const bool own = url.host == "registry-1.docker.io" && location_.host == "docker.io";
  const bool with_port = location_.host == key + ":443";
  net::Tls tls = TRY(certificates_for(own || with_port ? location_.host : key));
  tls.verify = !location_.insecure;
  trusted_[key] = tls;
  return tls;
}

Result<std::unique_ptr<net::Response>> Transport::send_once(net::Request& request, const OpenBody& body) {
  std::unique_ptr<ByteSource> stream;
  if (body) {
    stream = TRY(body());
    request.stream = stream.get();
  }
  request.tls = TRY(trust(request.url));
  auto response = client_.send(request);
  request.stream = nullptr;
  if (response.ok()) reached_.store(true);
  return response;
}

Result<net::Url> Transport::next(const net::Url& from, const net::Response& response) const {
  const std::string where = response.header("location");
  if (where.empty())
    return Error::infrastructure(
        fmt::format("{} answers {} and does not say where to go", from.shown(), response.status));
  net::Url to = TRY_IN(from.resolve(where), fmt::format("a redirect of {}", from.shown()));
  if (from.tls && !to.tls && !location_.insecure)
    return Error(Error::infrastructure(
                     fmt::format("{} leads from TLS to plain HTTP, to {}", from.shown(), to.shown())))
        .hint(
            to.host == from.host
                ? "the registry seems to stand behind a TLS proxy without knowing it: that proxy has to send "
                  "X-Forwarded-Proto: https"
                : "only a registry that registries.conf calls insecure may do that");
  return to;
}

Result<Followed> Transport::send(net::Request request, const OpenBody& body) {
  const net::Url first = request.url;
  bool elsewhere = false;
  for (int redirects = 0;; ++redirects) {
    Followed followed{TRY(send_once(request, body)), request.url, elsewhere};
    const int status = followed.response->status;
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (!is_redirect(status) || (!reads && status != 307 && status != 308)) return followed;
    if (redirects == most_redirects)
      return Error::infrastructure(fmt::format("{} leads to more than {} redirects, at last to {}",
                                               first.shown(), most_redirects, request.url.shown()));
    request.url = TRY(next(request.url, *followed.response));
    if (!request.url.same_origin(first)) {
      elsewhere = true;
      remove_header(request, "Authorization");
    }
  }
}

}  // namespace testctr::registry
