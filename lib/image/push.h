// Into a registry: the blobs that it lacks, several at once, then the documents that name them.
#pragma once

#include <string>

#include "base/result.h"
#include "image/access.h"
#include "image/source.h"
#include "registry/client.h"

namespace testctr::image {

/// Uploads an image whose layers' digests are known, bytes and digests as they are.
/// @param tag under which the manifest is found; empty: by its digest alone
/// @param from_repository of the same registry, where blobs may be taken from without an upload; may be empty
Status push_source(Source& source, registry::Session& to, const std::string& tag,
                   const std::string& from_repository, const Access& access);

}  // namespace testctr::image
