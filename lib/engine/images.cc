#include "engine/images.h"

#include <fcntl.h>

#include "base/sys.h"
#include "base/text.h"
#include "image/archive_writer.h"
#include "image/layer.h"
#include "image/reference.h"
#include "image/transfer.h"
#include "net/url.h"

namespace testctr::engine {
namespace {

constexpr const char* repository = "localhost/testctr-script";
constexpr int form = 1;  // of what we make of an image: another one has another name

/// An image with the program as its topmost layer, and of its configuration only what an engine needs: what
/// an image says of volumes, ports, users and checks is for us to follow, not for the engine.
class WithProgram final : public image::Source {
 public:
  static Result<std::unique_ptr<WithProgram>> make(std::unique_ptr<image::Source> base, std::string program) {
    std::unique_ptr<WithProgram> made(new WithProgram());
    made->program_ = std::move(program);
    made->shown = base->shown;
    const std::string text = TRY(base->config());
    const image::ImageConfig config = TRY_IN(image::parse_config(text, base->platform), base->shown);
    const image::WrittenLayer layer = TRY(made->write_program("/dev/null"));
    made->diff_ids_ = config.diff_ids;
    made->diff_ids_.push_back(layer.diff_id);
    made->manifest.layers = base->manifest.layers;
    image::Descriptor own;
    own.media_type = image::media::oci_layer;
    own.digest = layer.diff_id;
    own.size = layer.size;
    made->manifest.layers.push_back(own);
    made->program_layer_ = layer.diff_id;
    made->base_ = std::move(base);
    made->config_ = made->config_text(config);
    made->manifest_digest = Digest::of(made->config_);
    return made;
  }

  [[nodiscard]] const Digest& program_layer() const { return program_layer_; }
  [[nodiscard]] std::string name() const {
    return fmt::format("{}:{}", repository, Digest::of(config_).hex().substr(0, 32));
  }

  Result<std::string> config() override { return config_; }
  Result<std::unique_ptr<ByteSource>> layer(size_t i) override {
    if (i + 1 < manifest.layers.size()) return base_->layer(i);
    Fd file = TRY(sys::memory_file("testctr-layer"));
    (void)TRY(image::write_layer(file.get(), content()));
    if (::lseek(file.get(), 0, SEEK_SET) != 0) return Error::system("lseek", "a layer");
    return file_source(std::move(file));
  }

 private:
  WithProgram() = default;

  [[nodiscard]] image::LayerContent content() const {
    image::LayerContent content;
    content.program = program_;
    return content;
  }
  [[nodiscard]] Result<image::WrittenLayer> write_program(const char* path) const {
    const Fd out = TRY(sys::open(path, O_WRONLY));
    return image::write_layer(out.get(), content());
  }
  [[nodiscard]] std::string config_text(const image::ImageConfig& config) const {
    Json ids = Json::array();
    for (const Digest& id : diff_ids_) ids.push_back(id.str());
    const Json json = {
        {"os", config.config.os},
        {"architecture", config.config.architecture},
        {"created", "1970-01-01T00:00:00Z"},
        {"rootfs", {{"type", "layers"}, {"diff_ids", ids}}},
        {"config",
         {{"Labels", {{image_label, std::to_string(form)}, {program_label, program_layer_.hex()}}}}}};
    return json::dump(json);
  }

  std::string program_, config_;
  std::vector<Digest> diff_ids_;
  Digest program_layer_;
  std::unique_ptr<image::Source> base_;
};

}  // namespace

Result<std::string> Images::ensure(const std::string& reference, const image::RootFilesystem* root) {
  const auto parsed = TRY(image::Reference::parse(reference));
  if (parsed.kind == image::Reference::Kind::hostfs || parsed.kind == image::Reference::Kind::dir) {
    return Error::usage(fmt::format("an engine cannot be given {}", text::quoted(reference)))
        .hint("`--engine native` has it; engines take images with layers");
  }
  auto known = known_.find(reference);
  if (known == known_.end()) {
    auto base = TRY(image::open_source(store_, reference, access_));
    const Digest manifest = base->manifest_digest;
    const auto source = TRY(WithProgram::make(std::move(base), program_));
    const std::string name = source->name();
    if (!TRY(is_there(name))) CHECK_OK(load(reference, name, source->program_layer()).in(reference));
    known = known_.emplace(reference, Known{name, manifest}).first;
  }
  if (parsed.kind == image::Reference::Kind::name && root != nullptr &&
      known->second.manifest != root->manifest)
    return Error::infrastructure(fmt::format("{} has become another image meanwhile", reference))
        .hint("run it again");
  return known->second.name;
}

Result<bool> Images::is_there(const std::string& name) {
  const Api::Answer answer = TRY(api_.ask("GET", "/images/" + name + "/json"));
  if (answer.status == 404) return false;
  if (!answer.good()) return api_.refused(answer).in("asking for an image");
  return true;
}

// Two that load the same image at once bring the same bytes under the same name.
Status Images::load(const std::string& reference, const std::string& name, const Digest& program) {
  const Api::Answer answer = TRY(api_.upload("POST", "/images/load?quiet=1", [&](int out) -> Status {
    // Opened anew: this is another process.
    std::vector<image::NamedImage> images(1);
    images[0].source = TRY(WithProgram::make(TRY(image::open_source(store_, reference, access_)), program_));
    images[0].names = {name};
    return image::write_docker_archive(images, out);
  }));
  if (!answer.good()) return api_.refused(answer).in("loading the image into the engine");
  // It says 200 first, and what went wrong later.
  if (!TRY(is_there(name))) {
    Api::Answer said = answer;
    for (std::string_view line : text::lines(answer.body)) {
      auto told = json::parse(line);
      if (!told.ok() || !told.value().is_object() || !told.value().contains("error")) continue;
      const auto reason = json::get_string(told.value(), "error");
      if (reason.ok()) said.body = reason.value();
    }
    return api_.refused(said).in("loading the image into the engine");
  }
  remove_outdated(program);
  return {};
}

// Images with another version of this program: who uses one has it loaded again. Those in use stay.
void Images::remove_outdated(const Digest& program) {
  const std::string filter = net::encode_component(json::dump(Json{{"label", {image_label}}}));
  auto images = api_.get("/images/json?filters=" + filter);
  if (!images.ok() || !images.value().is_array()) return;
  for (const Json& one : images.value()) {
    const Json* labels = one.is_object() ? json::find(one, "Labels", Json::value_t::object) : nullptr;
    if (labels == nullptr) continue;
    const auto of = json::get_string(*labels, program_label, "");
    const auto id = json::get_string(one, "Id", "");
    if (!of.ok() || of.value().empty() || of.value() == program.hex() || !id.ok() || id.value().empty())
      continue;
    (void)api_.ask("DELETE", "/images/" + net::encode_component(id.value())).ok();
  }
}

}  // namespace testctr::engine
