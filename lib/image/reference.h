// Image references: what people write on the command line, parsed and in its full form.
#pragma once

#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"

namespace testctr::image {

/// A parsed reference. Grammar of names: github.com/distribution/reference (domain rule, path components,
/// tags).
struct Reference {
  enum class Kind : uint8_t { builtin, hostfs, name, oci, oci_archive, docker_archive, dir };
  Kind kind = Kind::name;
  std::string domain;      ///< name: "docker.io"
  std::string repository;  ///< name: "library/golang"
  std::string
      tag;  ///< name: "latest" unless a digest stands alone; archives and layouts: as written, may be empty
  bool short_name = false;  ///< name: written without a domain; docker.io is the default
  bool remote = false;      ///< name: written docker://NAME: the registry's, whatever the store has
  Digest digest;            ///< name@digest; empty otherwise. With both, the digest decides
  std::string path;         ///< oci, oci_archive, docker_archive, dir: the file or folder as written
  std::string text;         ///< as written

  /// Parses any reference. Errors are usage errors that name the text and what is wrong with it.
  static Result<Reference> parse(std::string_view text);
  /// Parses `name[:tag][@digest]` alone.
  static Result<Reference> parse_name(std::string_view text);
  /// Parses what an image is to be called: `name[:tag]`. A usage error for a digest and for words that `run`
  /// would never take for this name: `builtin`, `hostfs`, a transport (`oci:`), `sha256:`, the extension of a
  /// script.
  static Result<Reference> parse_new_name(std::string_view text);

  /// The full name: "docker.io/library/golang:latest", "...@sha256:..."; for the other kinds the text as
  /// written.
  [[nodiscard]] std::string full() const;
  /// "docker.io/library/golang:latest" without the digest; empty when only a digest names the image.
  [[nodiscard]] std::string tagged() const;
};

}  // namespace testctr::image
