#include "image/remote.h"

#include "base/text.h"

namespace testctr::image {

namespace {

net::ClientOptions client_options(const Access& access, std::function<bool()> cancelled) {
  net::ClientOptions options;
  options.user_agent = "testctr-script/" TESTCTR_VERSION;
  options.offline = access.offline;
  options.cancelled = std::move(cancelled);
  return options;
}

}  // namespace

Remote::Remote(const Access& access, registry::Registries registries)
    : access_(access),
      registries_(std::move(registries)),
      cancelled_([this] { return stopped_.load() || (access_.cancel != nullptr && access_.cancel->load()); }),
      client_(client_options(access, cancelled_)) {}

Result<std::shared_ptr<Remote>> Remote::open(const Access& access) {
  registry::Registries registries = TRY(registry::Registries::read(registry::ConfigPaths::standard()));
  return std::shared_ptr<Remote>(new Remote(access, std::move(registries)));
}

void Remote::note(const std::string& text) const {
  if (!access_.note) return;
  const std::lock_guard lock(noting_);
  access_.note(text);
}

registry::SessionOptions Remote::session_options() const {
  registry::SessionOptions options;
  options.authfile = access_.authfile;
  options.cancelled = cancelled_;
  options.note = [this](const std::string& text) { note(text); };
  return options;
}

Result<std::vector<Reference>> Remote::names_of(const Reference& reference) const {
  if (!reference.short_name) return std::vector{reference};
  const auto renamed = [&](const std::string& name) -> Result<Reference> {
    Reference full = TRY(Reference::parse_name(name));
    full.tag = reference.tag;
    full.digest = reference.digest;
    full.text = reference.text;
    return full;
  };
  // As written, without tag and digest: Docker's "library/" is no part of it.
  std::string written = reference.repository;
  if (written.starts_with("library/") && reference.text.find("library/") == std::string::npos)
    written = written.substr(8);
  if (const std::string alias = registries_.alias(written); !alias.empty())
    return std::vector{TRY_IN(renamed(alias), "the alias of a short name in registries.conf")};
  const std::vector<std::string>& search = registries_.search();
  if (search.size() > 1 && registries_.short_names() == registry::ShortNames::enforcing)
    return Error(Error::usage(
                     fmt::format("{} may be an image of {}: registries.conf searches them all, and says "
                                 "short-name-mode = \"enforcing\"",
                                 written, text::join(search, ", "))))
        .hint(fmt::format("write {}/{}, or give the name an alias", search.front(), written));
  std::vector<Reference> names;
  for (const std::string& host : search) {
    if (host == "docker.io") {
      names.push_back(reference);
    } else {
      names.push_back(
          TRY_IN(renamed(host + "/" + written), "unqualified-search-registries in registries.conf"));
    }
  }
  if (names.empty()) names.push_back(reference);
  return names;
}

Status Remote::refuse_offline(const Reference& reference) const {
  if (!access_.offline) return {};
  return Error(Error::infrastructure(
                   fmt::format("{} is at a registry, and no network is to be used", reference.full())))
      .hint(
          "carry it as a file: `testctr-script image save NAME -o FILE` there, `testctr-script image load "
          "oci-archive:FILE` here; or leave out --offline and TESTCTR_OFFLINE");
}

Result<Remote::Found> Remote::find(const Reference& reference) {
  CHECK_OK(refuse_offline(reference));
  const std::vector<Reference> names = TRY(names_of(reference));
  for (size_t i = 0;; ++i) {
    auto found = find_named(names[i]);
    if (found.ok() || i + 1 == names.size()) return found;
    if (found.error().number() == ECANCELED) return found;
    note(fmt::format("{}; next: {}", found.error().message(), names[i + 1].full()));
  }
}

Result<Remote::Found> Remote::find_named(const Reference& name) {
  const std::string repository = name.domain + "/" + name.repository;
  CHECK_OK(registry::check_policy("docker", name.digest.empty() ? name.tagged() : repository));
  const bool by_digest = !name.digest.empty();
  const std::vector<registry::Location> locations = TRY(registries_.locate(repository, by_digest));
  const std::string wanted = by_digest ? name.digest.str() : name.tag;
  std::optional<Error> failed;
  for (size_t i = 0; i < locations.size(); ++i) {
    auto session = registry::Session::open(client_, locations[i], session_options());
    if (!session.ok()) return std::move(session).error();
    auto document = session.value()->manifest(wanted, largest_document);
    if (document.ok()) {
      Found found{name, std::move(document).value(), {}};
      found.sessions.push_back(std::move(session).value());
      for (size_t k = i + 1; k < locations.size(); ++k)
        if (auto further = registry::Session::open(client_, locations[k], session_options()); further.ok())
          found.sessions.push_back(std::move(further).value());
      return found;
    }
    failed = std::move(document).error();
    if (failed->number() == ECANCELED || i + 1 == locations.size()) break;
    note(fmt::format("{}; next: {}/{}", failed->message(), locations[i + 1].host,
                     locations[i + 1].repository));
  }
  if (!failed) return Error::internal(fmt::format("there is no place for {}", repository));
  return std::move(*failed);
}

Result<std::unique_ptr<registry::Session>> Remote::open_for_push(const Reference& reference) {
  CHECK_OK(refuse_offline(reference));
  const Reference name = TRY(names_of(reference)).front();
  const std::vector<registry::Location> locations =
      TRY(registries_.locate(name.domain + "/" + name.repository, /* by_digest= */ false));
  return registry::Session::open(client_, locations.back(), session_options());
}

}  // namespace testctr::image
