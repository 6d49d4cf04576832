// What is pushed: blobs in one piece, and manifests.
#include "base/text.h"
#include "registry/answer.h"
#include "registry/session.h"

namespace testctr::registry {
namespace {

std::string blob_name(const Exchange& exchange, const Digest& digest) {
  return fmt::format("blob {} of {}/{}", digest.str(), exchange.location.host, exchange.location.repository);
}

// What the registry says it has got must be what was sent.
Status check_digest(const net::Response& response, const Digest& digest, const std::string& what) {
  const std::string told = response.header("docker-content-digest");
  if (!told.starts_with("sha256:") || told == digest.str()) return {};
  return Error::infrastructure(
      fmt::format("{}: the registry says that it has got {}", what, text::printable(told)));
}

}  // namespace

Result<bool> Session::Impl::has_blob_once(const Digest& digest, Passing& passing) {
  Operation operation;
  operation.method = "HEAD";
  operation.path = "blobs/" + digest.str();
  operation.scopes = {exchange.scope("pull,push")};
  operation.what = blob_name(exchange, digest);
  Followed answer = TRY(exchange.send(operation, passing));
  if (answer.response->status == 200) return true;
  if (answer.response->status == 404) return false;
  return refusal(*answer.response, operation.what);
}

Result<bool> Session::Impl::mount_once(const Digest& digest, const std::string& from, Passing& passing) {
  Operation operation;
  operation.method = "POST";
  operation.path = fmt::format("blobs/uploads/?mount={}&from={}", net::encode_component(digest.str()),
                               net::encode_component(from));
  operation.scopes = {exchange.scope("pull,push"), exchange.scope("pull", from)};
  operation.what = fmt::format("{} from {}", blob_name(exchange, digest), from);
  Followed answer = TRY(exchange.send(operation, passing));
  const int status = answer.response->status;
  if (status == 201) return true;
  if (status == 202) {
    // An upload was begun instead. Nobody needs it, and that it cannot be ended is nobody's trouble.
    auto at = answer.url.resolve(answer.response->header("location"));
    Operation end;
    end.method = "DELETE";
    end.scopes = operation.scopes;
    end.what = operation.what;
    Passing unused;
    if (at.ok()) {
      end.at = std::move(at).value();
      (void)exchange.send(end, unused);
    }
    return false;
  }
  if (status >= 400 && status < 500 && !passing_status(status)) return false;
  return refusal(*answer.response, operation.what);
}

Status Session::Impl::push_blob_once(const Blob& blob, const OpenBody& open, Passing& passing) {
  const std::string what = "uploading " + blob_name(exchange, blob.digest);
  Operation begin;
  begin.method = "POST";
  begin.path = "blobs/uploads/";
  begin.scopes = {exchange.scope("pull,push")};
  begin.what = what;
  Followed begun = TRY(exchange.send(begin, passing));
  if (begun.response->status != 202) return refusal(*begun.response, what);
  net::Url at = TRY_IN(begun.url.resolve(begun.response->header("location")), what);
  if (begun.url.tls && !at.tls && !exchange.location.insecure)
    return Error(Error::infrastructure(
                     fmt::format("{}: the registry wants it by plain HTTP, at {}", what, at.shown())))
        .hint(
            "it seems to stand behind a TLS proxy without knowing it: that proxy has to send "
            "X-Forwarded-Proto: https");
  at.target += (at.target.find('?') == std::string::npos ? "?" : "&") + std::string("digest=") +
               net::encode_component(blob.digest.str());
  Operation put;
  put.method = "PUT";
  put.at = std::move(at);
  put.scopes = begin.scopes;
  put.what = what;
  put.headers.emplace_back("Content-Type", "application/octet-stream");
  put.stream = open;
  put.stream_size = blob.size;
  // Another try begins with another upload, whatever this one answered.
  Followed done = TRY(exchange.send(put, passing));
  if (done.response->status != 201 && done.response->status != 204) return refusal(*done.response, what);
  return check_digest(*done.response, blob.digest, what);
}

Status Session::Impl::push_manifest_once(const std::string& tag_or_digest, const std::string& bytes,
                                         const std::string& media_type, Passing& passing) {
  const std::string what = "uploading " + shown(tag_or_digest);
  Operation operation;
  operation.method = "PUT";
  operation.path = "manifests/" + tag_or_digest;
  operation.scopes = {exchange.scope("pull,push")};
  operation.what = what;
  operation.headers.emplace_back("Content-Type", media_type);
  operation.body = bytes;
  Followed done = TRY(exchange.send(operation, passing));
  if (done.response->status < 200 || done.response->status > 299) return refusal(*done.response, what);
  return check_digest(*done.response, Digest::of(bytes), what);
}

}  // namespace testctr::registry
