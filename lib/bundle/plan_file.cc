#include "bundle/plan_file.h"

#include <algorithm>

#include "base/json.h"
#include "plan/wire.h"

namespace testctr::bundle {
namespace {

Error no_image() {
  return Error::infrastructure("the bundle's plan names an image that is none: it is damaged");
}

// Behind what all images have stand, of one that was set up: by what, in which blob, for which jobs.
constexpr size_t common = 5, least_set_up = common + 3;

Status read_set_up(const Json& wire, NamedDigest& image) {
  image.setup = json::bytes_of(wire[common]);
  if (const std::string digest = json::bytes_of(wire[common + 1]); !digest.empty())
    image.layer = TRY(Digest::parse(digest));
  for (size_t i = common + 2; i < wire.size(); ++i) {
    if (!wire[i].is_number_unsigned()) return no_image();
    image.jobs.push_back(wire[i].get<uint64_t>());
    if (image.jobs.size() > 1 && image.jobs.back() <= image.jobs[image.jobs.size() - 2]) return no_image();
  }
  return image.setup.empty() ? Status(no_image()) : Status();
}

}  // namespace

std::map<std::string, std::string> PlanFile::pins_of(size_t job, const std::vector<std::string>& pins) const {
  std::map<std::string, std::string> found;
  for (const bool own : {false, true}) {
    for (size_t i = 0; i < images.size(); ++i) {
      const std::vector<uint64_t>& jobs = images[i].jobs;
      if (own == jobs.empty() || (own && !std::binary_search(jobs.begin(), jobs.end(), job))) continue;
      found[images[i].name] = pins[i];
    }
  }
  return found;
}

std::string to_bytes(const PlanFile& file) {
  Json images = Json::array(), plan = plan::to_wire(file.plan);
  for (const NamedDigest& image : file.images) {
    images.push_back(Json::array({json::binary(image.name), json::binary(image.shown), image.manifest.str(),
                                  image.media_type, image.size}));
    if (image.setup.empty()) continue;
    Json& last = images.back();
    last.push_back(json::binary(image.setup));
    last.push_back(image.layer.str());
    for (const uint64_t job : image.jobs) last.push_back(job);
    plan["v"] = plan::newest_wire_version;
  }
  return json::to_cbor(Json{{"plan", std::move(plan)},
                            {"images", std::move(images)},
                            {"config", json::binary(file.config)},
                            {"program", file.program},
                            {"slim", file.slim ? 1 : 0}});
}

Result<PlanFile> plan_file_from(std::string_view bytes) {
  const Json wire = TRY_IN(json::from_cbor(bytes), "the bundle's plan");
  const Json* plan = json::find(wire, "plan", Json::value_t::object);
  if (plan == nullptr) return Error::infrastructure("the bundle holds no plan: it is damaged");
  PlanFile file;
  file.plan = TRY(plan::plan_from_wire(*plan));
  file.program = TRY(json::get_string(wire, "program"));
  file.config = TRY(json::get_string(wire, "config"));
  file.slim = TRY(json::get_int(wire, "slim", 0)) != 0;
  const Json* images = json::find(wire, "images", Json::value_t::array);
  if (images == nullptr) return Error::infrastructure("the bundle's plan names no images: it is damaged");
  for (const Json& image : *images) {
    if (!image.is_array() || (image.size() != common && image.size() < least_set_up) ||
        !image[4].is_number_unsigned())
      return no_image();
    NamedDigest named;
    named.name = json::bytes_of(image[0]);
    named.shown = json::bytes_of(image[1]);
    named.media_type = json::bytes_of(image[3]);
    named.size = image[4].get<uint64_t>();
    if (const std::string digest = json::bytes_of(image[2]); !digest.empty())
      named.manifest = TRY(Digest::parse(digest));
    if (image.size() > common) CHECK_OK(read_set_up(image, named));
    file.images.push_back(std::move(named));
  }
  return file;
}

}  // namespace testctr::bundle
