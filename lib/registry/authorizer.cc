#include "registry/authorizer.h"

#include "base/sys.h"
#include "base/text.h"

namespace testctr::registry {
namespace {

constexpr size_t most_scopes = 8;

std::string key_of(const std::vector<std::string>& scopes) { return text::join(scopes, " "); }

std::string basic(const Credentials& credentials) {
  return "Basic " + text::base64(credentials.user + ":" + credentials.password);
}

std::string whose(const std::optional<Credentials>& credentials) {
  if (!credentials) return "without credentials";
  if (!credentials->identity_token.empty())
    return fmt::format("with the identity token from {}", credentials->from);
  return fmt::format("as {} (from {})", text::quoted(credentials->user), credentials->from);
}

}  // namespace

Result<std::optional<Credentials>> Authorizer::credentials() {
  if (!looked_) {
    credentials_ = TRY(find_credentials(location_.host, location_.repository, authfile_));
    looked_ = true;
  }
  return credentials_;
}

std::vector<std::string> Authorizer::wanted(const std::vector<std::string>& scopes) const {
  std::vector<std::string> all = scopes;
  for (const std::string& scope : more_scopes_)
    if (std::find(all.begin(), all.end(), scope) == all.end()) all.push_back(scope);
  return all;
}

Result<std::string> Authorizer::current(const std::vector<std::string>& scopes, Passing& passing) {
  if (mode_ == Mode::none) return std::string();
  auto who = TRY(credentials());
  if (mode_ == Mode::basic) return who && who->identity_token.empty() ? basic(*who) : std::string();
  Token& token = tokens_[key_of(scopes)];
  if (token.value.empty() || token.good_until <= sys::monotonic_ns()) {
    auto fetched = fetch_token(transport_, place_, wanted(scopes), who, passing);
    if (!fetched.ok() && fetched.error().number() == EACCES)
      return std::move(fetched)
          .error()
          .in(fmt::format("{}/{}, {}", location_.host, location_.repository, whose(who)))
          .hint(fmt::format("log in: podman login {0} (or docker login, skopeo login), or --authfile FILE",
                            location_.host));
    token = TRY(std::move(fetched));
  }
  return "Bearer " + token.value;
}

Result<std::string> Authorizer::header(const std::vector<std::string>& scopes, Passing& passing) {
  std::lock_guard hold(mutex_);
  return current(scopes, passing);
}

Status Authorizer::take(const std::vector<Challenge>& challenges, const std::string& www_authenticate,
                        bool told_scope) {
  const auto named = [&](std::string_view scheme) {
    return std::find_if(challenges.begin(), challenges.end(),
                        [&](const Challenge& c) { return c.scheme == scheme; });
  };
  if (auto bearer = named("bearer"); bearer != challenges.end() && !bearer->parameter("realm").empty()) {
    mode_ = Mode::bearer;
    place_ = {bearer->parameter("realm"), bearer->parameter("service")};
    if (!told_scope) return {};
    for (const std::string& scope : text::split(bearer->parameter("scope"), ' ')) {
      const bool known = std::find(more_scopes_.begin(), more_scopes_.end(), scope) != more_scopes_.end();
      if (!scope.empty() && !known && more_scopes_.size() < most_scopes) more_scopes_.push_back(scope);
    }
    return {};
  }
  if (named("basic") != challenges.end()) {
    mode_ = Mode::basic;
    return {};
  }
  return Error::infrastructure(
             fmt::format(
                 "{} asks for an authorization of a kind that is not known: {}", location_.host,
                 www_authenticate.empty() ? "it names none" : text::quoted(www_authenticate.substr(0, 200))))
      .kind(EACCES);
}

Status Authorizer::challenged(const std::vector<std::string>& scopes, const std::string& sent,
                              const std::string& www_authenticate, bool told_scope, Passing& passing) {
  std::lock_guard hold(mutex_);
  if (mode_ == Mode::bearer) {
    // Another thread may have got a new token since.
    auto known = tokens_.find(key_of(scopes));
    if (known != tokens_.end() && !known->second.value.empty() && "Bearer " + known->second.value != sent)
      return {};
    tokens_.erase(key_of(scopes));
  }
  CHECK_OK(take(parse_challenges(www_authenticate), www_authenticate, told_scope));
  const std::string now = TRY(current(scopes, passing));
  if (now.empty() || now == sent) {
    const std::string who = whose(credentials_);
    return Error::infrastructure(fmt::format("{} lets nobody in {}", location_.host, who))
        .kind(EACCES)
        .hint(fmt::format("log in: podman login {} (or docker login, skopeo login), or --authfile FILE",
                          location_.host));
  }
  return {};
}

bool Authorizer::asked() {
  std::lock_guard hold(mutex_);
  return mode_ != Mode::none;
}

Result<bool> Authorizer::knows_any() {
  std::lock_guard hold(mutex_);
  return TRY(credentials()).has_value();
}

Error Authorizer::refused(const std::string& what, const std::string& told) {
  std::lock_guard hold(mutex_);
  return Error::infrastructure(fmt::format("{} refuses {} {}{}{}", location_.host, what, whose(credentials_),
                                           told.empty() ? "" : ": ", told))
      .kind(EACCES)
      .hint(fmt::format(
          "perhaps it is not there; else log in: podman login {} (or docker login, skopeo login), or "
          "--authfile FILE",
          location_.host));
}

}  // namespace testctr::registry
