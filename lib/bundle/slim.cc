#include "bundle/slim.h"

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "bundle/layer_file.h"
#include "image/slim.h"
#include "sandbox/follow.h"

namespace testctr::bundle {

int Touched::file_for(const std::string& image) {
  const auto known = files_.find(image);
  if (known != files_.end()) return known->second.get();
  auto file = sandbox::make_record(folder_);
  if (!file.ok()) return -1;
  return files_.emplace(image, std::move(file).value()).first->second.get();
}

Result<std::optional<std::vector<std::string>>> Touched::of(const std::string& image,
                                                            std::vector<std::string>& notes) const {
  const auto known = files_.find(image);
  if (known == files_.end()) return std::optional<std::vector<std::string>>();
  auto followed = sandbox::read_followed(known->second.get());
  if (!followed.ok()) return std::move(followed).error().in(image).hint("pack it without --slim");
  for (const std::string& call : followed.value().unseen)
    notes.push_back(fmt::format("{}: a file name could not be seen: {}", image, text::printable(call)));
  if (followed.value().names.empty()) return std::optional<std::vector<std::string>>();
  return std::optional(std::move(followed.value().names));
}

Result<std::unique_ptr<image::Source>> slim_image(image::Source& full, const image::RootFilesystem& root,
                                                  const std::vector<std::string>& touched,
                                                  const std::string& folder,
                                                  std::vector<std::string>& notes) {
  image::SlimLayer slim;
  Fd file;
  const image::CompressedLayer layer = TRY(compressed_layer(
      folder,
      [&](image::BlockSink out) -> Status {
        slim = TRY(image::write_slim_layer(std::move(out), root, touched));
        return {};
      },
      file));
  Json config = TRY_IN(json::parse(TRY(full.config())), "the image's configuration");
  if (!config.is_object()) return Error::infrastructure("the image's configuration is no JSON object");
  config["rootfs"] = {{"type", "layers"}, {"diff_ids", {layer.diff_id.str()}}};
  config.erase("history");
  notes.push_back(
      fmt::format("{}: {} files ({}) are kept, {} ({}) left out; {} of these stood in folders that were read",
                  full.shown, slim.kept.files, text::human_size(slim.kept.bytes), slim.left_out.files,
                  text::human_size(slim.left_out.bytes), slim.missing_in_lists.files));
  for (const std::string& note : slim.notes) notes.push_back(note);
  return single_layer_image(std::move(file), layer.blob, json::dump(config), full.shown);
}

}  // namespace testctr::bundle
