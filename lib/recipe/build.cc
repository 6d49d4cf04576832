#include "recipe/build.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/json.h"
#include "base/sys.h"
#include "base/text.h"
#include "image/archive_writer.h"
#include "image/reference.h"
#include "image/store.h"
#include "image/transfer.h"
#include "recipe/entries.h"
#include "recipe/layer.h"

namespace testctr::recipe {
namespace {

namespace media = image::media;

constexpr Rules rules{.whole_machine = false};
constexpr const char* made_by = "testctr-script image build";

// What lies in an unnamed file, from its beginning; each reader has its own position.
class FileFromBegin final : public ByteSource {
 public:
  explicit FileFromBegin(int fd) : fd_(fd) {}
  Result<size_t> read(char* buffer, size_t size) override {
    for (;;) {
      const ssize_t n = pread(fd_, buffer, size, at_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error::system("pread", "a layer");
      at_ += n;
      return static_cast<size_t>(n);
    }
  }

 private:
  int fd_;
  off_t at_ = 0;
};

struct NewLayer {
  Fd file;
  image::CompressedLayer made;
  std::string history;
};

class BuiltImage final : public image::Source {
 public:
  std::unique_ptr<image::Source> base;
  std::vector<NewLayer> added;
  std::string config_bytes;
  Fd hold;  ///< gc leaves the base alone while it is read

  Result<std::string> config() override { return config_bytes; }
  Result<std::unique_ptr<ByteSource>> layer(size_t i) override {
    const size_t below = base ? base->manifest.layers.size() : 0;
    if (i < below) return base->layer(i);
    return std::unique_ptr<ByteSource>(std::make_unique<FileFromBegin>(added[i - below].file.get()));
  }
};

// The same layer by the name that OCI has for it: what it is does not change.
std::string oci_type(const std::string& type) {
  if (type == media::docker_layer) return std::string(media::oci_layer);
  if (type == media::docker_layer_gzip) return std::string(media::oci_layer_gzip);
  if (type == "application/vnd.docker.image.rootfs.diff.tar.zstd") return std::string(media::oci_layer_zstd);
  return type;
}

class Builder {
 public:
  Builder(image::Store& store, const Recipe& recipe, image::Compression compression,
          const image::Access& access)
      : store_(store), recipe_(recipe), compression_(compression), access_(access) {}

  Result<std::unique_ptr<image::Source>> run() {
    if (recipe_.suite)
      return wrong(*recipe_.suite,
                   "suite: Debian bases are made by the project's own tool (images/build); `from: IMAGE` or "
                   "`root: FOLDER` is a base here");
    epoch_ = TRY(image::source_date_epoch(0));
    image_->hold = TRY(store_.impl().hold(LOCK_SH));
    scratch_ = TRY(sys::open(store_.home() + "/tmp", O_RDONLY | O_DIRECTORY));
    image_->shown = recipe_.name;
    if (recipe_.from) CHECK_OK(take_base(*recipe_.from));
    if (recipe_.root) CHECK_OK(add_root(*recipe_.root));
    CHECK_OK(add_files());
    CHECK_OK(describe());
    return std::unique_ptr<image::Source>(std::move(image_));
  }

 private:
  [[nodiscard]] Error wrong(const Text& where, std::string what) const {
    plan::Mistakes mistakes = recipe_.mistakes;
    mistakes.add(where.place, std::move(what));
    return mistakes.error();
  }

  Status take_base(const Text& from) {
    const std::string shown = "from: " + from.value;
    const auto reference = image::Reference::parse(from.value);
    if (!reference.ok()) return wrong(from, "from: " + reference.error().message());
    const bool is_name = reference.value().kind == image::Reference::Kind::name && !reference.value().remote;
    auto base = image::open_source(store_, from.value, access_);
    // As for a run: what the store lacks is fetched, unless nobody is to be asked.
    if (is_name && !access_.offline && access_.pull != image::Pull::never &&
        (!base.ok() || access_.pull == image::Pull::always)) {
      (void)TRY_IN(image::pull(store_, from.value, access_), shown);
      base = image::open_source(store_, from.value, access_);
    }
    image_->base = TRY_IN(std::move(base), shown);
    CHECK_OK(image::settle(*image_->base));
    for (image::Descriptor layer : image_->base->manifest.layers) {
      layer.media_type = oci_type(layer.media_type);
      image_->manifest.layers.push_back(std::move(layer));
    }
    return {};
  }

  Result<Fd> unnamed_file() {
    auto file = sys::open_at(scratch_.get(), ".", O_TMPFILE | O_RDWR, 0600);
    if (file.ok()) return file;
    const std::string name = fmt::format("build-{}-{}", getpid(), sys::monotonic_ns());
    Fd named = TRY(sys::open_at(scratch_.get(), name, O_RDWR | O_CREAT | O_EXCL, 0600));
    if (unlinkat(scratch_.get(), name.c_str(), 0) != 0) return Error::system("unlinkat", name);
    return named;
  }

  template <class Write>
  Status add_layer(const char* history, Write write) {
    const Fd tar = TRY(unnamed_file());
    CHECK_OK(write(tar.get()));
    if (lseek(tar.get(), 0, SEEK_SET) != 0) return Error::system("lseek", "a layer");
    NewLayer layer;
    layer.file = TRY(unnamed_file());
    layer.made = TRY(image::compress_layer(tar.get(), layer.file.get(), compression_));
    layer.history = fmt::format("{}: {}", made_by, history);
    image_->manifest.layers.push_back(layer.made.blob);
    image_->added.push_back(std::move(layer));
    return {};
  }

  Status add_root(const Text& root) {
    const std::string folder = root.value.starts_with('/') ? root.value : recipe_.folder + "/" + root.value;
    const Status added =
        add_layer("root", [&](int out) { return write_root(folder, epoch_, recipe_.without, out); });
    if (added.ok()) return {};
    return wrong(root, fmt::format("root: {}", added.error().message()));
  }

  Status add_files() {
    const Entries entries = TRY(gather(recipe_, rules));
    // An image of nothing has a layer as well: the specification wants one.
    if (entries.empty() && !image_->manifest.layers.empty()) return {};
    return add_layer("files", [&](int out) { return write_entries(recipe_, rules, entries, epoch_, out); });
  }

  Status describe() {
    Json config = Json::object();
    if (image_->base) {
      const std::string bytes = TRY(image_->base->config());
      config = TRY_IN(json::parse(bytes), "the base's configuration");
      if (!config.is_object()) return Error::infrastructure("the base's configuration is not an object");
    }
    const std::string created = image::rfc3339(epoch_);
    config["created"] = created;
    if (!config.contains("os")) config["os"] = "linux";
    if (!config.contains("architecture")) config["architecture"] = image::own_architecture();
    Json& container = config["config"];
    if (!container.is_object()) container = Json::object();
    set_config(container);
    Json& rootfs = config["rootfs"];
    if (!rootfs.is_object()) rootfs = {{"type", "layers"}, {"diff_ids", Json::array()}};
    for (const NewLayer& layer : image_->added) rootfs["diff_ids"].push_back(layer.made.diff_id.str());
    // Where the base has no history, nobody could tell which line belongs to which layer.
    const bool has_history = config.contains("history") && config["history"].is_array();
    if (has_history || !image_->base) {
      for (const NewLayer& layer : image_->added)
        config["history"].push_back({{"created", created}, {"created_by", layer.history}});
      if (image_->added.empty())
        config["history"].push_back({{"created", created}, {"created_by", made_by}, {"empty_layer", true}});
    }
    image_->config_bytes = json::dump(config);
    image_->manifest.config.media_type = media::oci_config;
    image_->manifest.config.digest = Digest::of(image_->config_bytes);
    image_->manifest.config.size = image_->config_bytes.size();
    if (image_->manifest.layers.size() > image::most_layers)
      return Error::infrastructure(
          fmt::format("the image would have more than {} layers", image::most_layers));
    image::describe(*image_);
    return {};
  }

  void set_config(Json& container) const {
    if (!recipe_.env.empty()) {
      Json env = Json::array();
      if (container.contains("Env") && container["Env"].is_array())
        for (const Json& variable : container["Env"])
          if (variable.is_string() && !is_replaced(variable.get<std::string>())) env.push_back(variable);
      for (const auto& [name, value] : recipe_.env) env.push_back(name + "=" + value);
      container["Env"] = std::move(env);
    }
    if (recipe_.entrypoint) {
      container["Entrypoint"] = *recipe_.entrypoint;
      // It was what the other entry point is given.
      container.erase("Cmd");
    }
    if (recipe_.command) container["Cmd"] = *recipe_.command;
    if (recipe_.working_dir) container["WorkingDir"] = *recipe_.working_dir;
    if (recipe_.user) container["User"] = *recipe_.user;
    for (const auto& [name, value] : recipe_.labels) set_member(container, "Labels", name, value);
    for (const std::string& port : recipe_.ports) set_member(container, "ExposedPorts", port, Json::object());
    if (recipe_.healthcheck) container["Healthcheck"] = image::healthcheck_json(*recipe_.healthcheck);
  }

  static void set_member(Json& container, const char* object, const std::string& name, Json value) {
    Json& members = container[object];
    if (!members.is_object()) members = Json::object();
    members[name] = std::move(value);
  }

  [[nodiscard]] bool is_replaced(const std::string& variable) const {
    return recipe_.env.contains(variable.substr(0, variable.find('=')));
  }

  image::Store& store_;
  const Recipe& recipe_;
  image::Compression compression_;
  const image::Access& access_;
  int64_t epoch_ = 0;
  Fd scratch_;
  std::unique_ptr<BuiltImage> image_ = std::make_unique<BuiltImage>();
};

}  // namespace

Result<std::unique_ptr<image::Source>> build(image::Store& store, const Recipe& recipe,
                                             image::Compression compression, const image::Access& access) {
  // Names of variables and the like need not be UTF-8, and JSON is.
  try {
    return Builder(store, recipe, compression, access).run();
  } catch (const std::exception& error) {
    return Error::usage(fmt::format("{}: {}", recipe.name, error.what()));
  }
}

}  // namespace testctr::recipe
