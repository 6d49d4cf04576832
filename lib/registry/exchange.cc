#include "registry/exchange.h"

#include "base/text.h"
#include "registry/answer.h"

namespace testctr::registry {
namespace {

// A first try, one with what the challenge asked for, one with a token that was renewed.
constexpr int most_rounds = 3;

// Docker Hub's registry has another name than its images do.
std::string server_of(const std::string& host) { return host == "docker.io" ? "registry-1.docker.io" : host; }

bool is_final(const Error& error) { return error.number() == ECANCELED || error.number() == ENETDOWN; }

}  // namespace

Exchange::Exchange(net::Client& client, Location place, SessionOptions options)
    : location(std::move(place)),
      transport(client, location),
      authorizer_(transport, location, options.authfile) {
  retry_options.retries = options.retries;
  retry_options.first_delay_ns = options.first_delay_ns;
  retry_options.longest_delay_ns = options.longest_delay_ns;
  retry_options.cancelled = std::move(options.cancelled);
  if (options.note)
    retry_options.note = [this, note = std::move(options.note)](const std::string& text) {
      std::lock_guard hold(note_mutex_);
      note(text);
    };
}

std::string Exchange::scope(std::string_view actions, const std::string& repository) const {
  return fmt::format("repository:{}:{}", repository.empty() ? location.repository : repository, actions);
}

Result<net::Url> Exchange::base(Passing& passing) {
  std::lock_guard hold(base_mutex_);
  if (base_) return *base_;
  net::Url secure = TRY(net::Url::parse("https://" + server_of(location.host) + "/v2/"));
  if (!location.insecure) {
    base_ = secure;
    return secure;
  }
  net::Request ping;
  ping.url = secure;
  auto answer = transport.send(ping);
  if (!answer.ok() && !is_final(answer.error())) {
    ping.url = TRY(net::Url::parse("http://" + server_of(location.host) + "/v2/"));
    auto plain = transport.send(ping);
    // Where nobody is there either way, one of the errors says it all.
    if (!plain.ok())
      return net::unreachable(answer.error()) ? std::move(answer).error() : std::move(plain).error();
    answer = std::move(plain);
  }
  if (!answer.ok()) return std::move(answer).error();
  passing = Passing();
  base_ = ping.url;
  return *base_;
}

Result<Followed> Exchange::send_as(const Operation& operation, const net::Url& url,
                                   const std::string& authorization) {
  net::Request request;
  request.method = operation.method;
  request.url = url;
  request.headers = operation.headers;
  request.body = operation.body;
  request.body_size = operation.stream_size;
  if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
  return transport.send(std::move(request), operation.stream);
}

Result<bool> Exchange::ask_for_challenge(const Operation& operation, const net::Url& base, Passing& passing) {
  net::Request ping;
  ping.url = base;
  Followed answer = TRY(transport.send(std::move(ping)));
  if (answer.response->status != 401 || answer.elsewhere) return false;
  CHECK_OK(authorizer_.challenged(operation.scopes, "", answer.response->header("www-authenticate"),
                                  /* told_scope= */ false, passing));
  return true;
}

Result<Followed> Exchange::send(const Operation& operation, Passing& passing) {
  const net::Url root = TRY(base(passing));
  net::Url url = root;
  if (operation.at) {
    url = *operation.at;
  } else {
    url.target += location.repository + "/" + operation.path;
  }
  const bool ours = url.same_origin(root);
  for (int round = 1;; ++round) {
    const std::string authorization = ours ? TRY(authorizer_.header(operation.scopes, passing)) : "";
    Followed answer = TRY(send_as(operation, url, authorization));
    look_at(*answer.response, passing);
    const int status = answer.response->status;
    const bool may_ask = ours && !answer.elsewhere;
    // Some registries hide what they have from those who do not say who they are.
    const bool hidden = (status == 403 || status == 404) && may_ask && authorization.empty() && round == 1;
    if (hidden && !authorizer_.asked() && TRY(authorizer_.knows_any()) &&
        TRY(ask_for_challenge(operation, root, passing)))
      continue;
    if (status != 401) return answer;
    if (!may_ask || round == most_rounds) {
      return authorizer_.refused(operation.what, told_by(*answer.response));
    }
    const std::string challenge = answer.response->header("www-authenticate");
    if (!challenge.empty()) {
      CHECK_OK(authorizer_.challenged(operation.scopes, authorization, challenge, /* told_scope= */ true,
                                      passing));
    } else if (!TRY(ask_for_challenge(operation, root, passing))) {
      return authorizer_.refused(operation.what, told_by(*answer.response));
    }
  }
}

}  // namespace testctr::registry
