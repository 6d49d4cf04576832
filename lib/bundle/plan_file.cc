#include "bundle/plan_file.h"

#include "base/json.h"
#include "plan/wire.h"

namespace testctr::bundle {

std::string to_bytes(const PlanFile& file) {
  Json images = Json::array();
  for (const NamedDigest& image : file.images)
    images.push_back(Json::array({json::binary(image.name), json::binary(image.shown), image.manifest.str(),
                                  image.media_type, image.size}));
  return json::to_cbor(Json{{"plan", plan::to_wire(file.plan)},
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
    if (!image.is_array() || image.size() != 5 || !image[4].is_number_unsigned())
      return Error::infrastructure("the bundle's plan names an image that is none: it is damaged");
    NamedDigest named;
    named.name = json::bytes_of(image[0]);
    named.shown = json::bytes_of(image[1]);
    named.media_type = json::bytes_of(image[3]);
    named.size = image[4].get<uint64_t>();
    if (const std::string digest = json::bytes_of(image[2]); !digest.empty())
      named.manifest = TRY(Digest::parse(digest));
    file.images.push_back(std::move(named));
  }
  return file;
}

}  // namespace testctr::bundle
