// The session: what is pulled. Pushing is in upload.cc.
#include "registry/client.h"

#include "base/text.h"
#include "registry/answer.h"
#include "registry/blob_stream.h"
#include "registry/exchange.h"
#include "registry/session.h"

namespace testctr::registry {
namespace {

// In one header: there are proxies that pass on one only.
constexpr const char* accepted =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

// "application/json; charset=utf-8" without what follows the type.
std::string media_type_of(const net::Response& response) {
  std::string type(
      text::trim(response.header("content-type").substr(0, response.header("content-type").find(';'))));
  for (char& c : type)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return type;
}

bool is_digest(const std::string& text) { return text.find(':') != std::string::npos; }

}  // namespace

std::string Session::Impl::shown(const std::string& tag_or_digest) const {
  return fmt::format("{}/{}{}{}", exchange.location.host, exchange.location.repository,
                     is_digest(tag_or_digest) ? "@" : ":", text::printable(tag_or_digest));
}

Result<Document> Session::Impl::manifest_once(const std::string& tag_or_digest, size_t largest,
                                              Passing& passing) {
  Operation operation;
  operation.path = "manifests/" + tag_or_digest;
  operation.scopes = {exchange.scope("pull")};
  operation.what = shown(tag_or_digest);
  operation.headers.emplace_back("Accept", accepted);
  Followed answer = TRY(exchange.send(operation, passing));
  net::Response& response = *answer.response;
  if (response.status == 404)
    return Error::infrastructure(fmt::format("there is no {} ({})", shown(tag_or_digest), told_by(response)))
        .kind(ENOENT);
  if (response.status != 200) return refusal(response, shown(tag_or_digest));
  passing = Passing();
  if (response.length && *response.length > largest)
    return Error::infrastructure(fmt::format("the manifest of {} has {} bytes; at most {} are taken",
                                             shown(tag_or_digest), *response.length, largest));
  Document document;
  document.bytes = TRY_IN(net::read_body(response, largest), "the manifest of " + shown(tag_or_digest));
  document.media_type = media_type_of(response);
  document.digest = Digest::of(document.bytes);
  // Somebody who asked by digest has been told another's word for nothing; by tag it is the registry's own.
  const std::string told =
      is_digest(tag_or_digest) ? tag_or_digest : response.header("docker-content-digest");
  if (told.starts_with("sha256:") && told != document.digest.str())
    return Error::infrastructure(fmt::format("the manifest of {} has the digest {} and should have {}",
                                             shown(tag_or_digest), document.digest.str(),
                                             text::printable(told)));
  return document;
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::open(net::Client& client, Location location,
                                               SessionOptions options) {
  // Whether the host can be one at all.
  (void)TRY(net::Url::parse("https://" + location.host + "/v2/"));
  return std::unique_ptr<Session>(
      new Session(std::make_unique<Impl>(client, std::move(location), std::move(options))));
}

const Location& Session::location() const { return impl_->exchange.location; }

Result<Document> Session::manifest(const std::string& tag_or_digest, size_t largest) {
  return impl_->exchange.with_retries<Document>(
      [&](Passing& passing) { return impl_->manifest_once(tag_or_digest, largest, passing); });
}

Result<std::unique_ptr<ByteSource>> Session::blob(const Blob& blob) {
  auto stream = std::make_unique<BlobStream>(impl_->exchange, blob);
  CHECK_OK(stream->begin());
  return std::unique_ptr<ByteSource>(std::move(stream));
}

Result<bool> Session::has_blob(const Digest& digest) {
  return impl_->exchange.with_retries<bool>(
      [&](Passing& passing) { return impl_->has_blob_once(digest, passing); });
}

Result<bool> Session::mount_blob(const Digest& digest, const std::string& from_repository) {
  return impl_->exchange.with_retries<bool>(
      [&](Passing& passing) { return impl_->mount_once(digest, from_repository, passing); });
}

Status Session::push_blob(const Blob& blob,
                          const std::function<Result<std::unique_ptr<ByteSource>>()>& open) {
  CHECK_OK(impl_->exchange.with_retries<Unit>(
      [&](Passing& passing) -> Result<Unit> { return impl_->push_blob_once(blob, open, passing); }));
  return {};
}

Status Session::push_manifest(const std::string& tag_or_digest, const std::string& bytes,
                              const std::string& media_type) {
  CHECK_OK(impl_->exchange.with_retries<Unit>([&](Passing& passing) -> Result<Unit> {
    return impl_->push_manifest_once(tag_or_digest, bytes, media_type, passing);
  }));
  return {};
}

}  // namespace testctr::registry
