#include "image/layout_writer.h"

#include <fcntl.h>

#include "base/json.h"
#include "base/sys.h"
#include "image/archive.h"

namespace testctr::image {
namespace {

// Bytes of a compressed layer on their way into a file; the gzip header's "system" byte is made the same
// everywhere.
struct CompressedOutput {
  HashedOutput out{-1};
  bool patch_gzip = false;
};

la_ssize_t write_compressed(struct archive* a, void* data, const void* bytes, size_t size) {
  auto* c = static_cast<CompressedOutput*>(data);
  std::string_view view(static_cast<const char*>(bytes), size);
  std::string patched;
  if (c->patch_gzip && c->out.size == 0 && size >= 10) {
    patched = view;
    patched[9] = '\xff';
    view = patched;
  }
  Status s = c->out.write(view);
  if (s.ok()) return static_cast<la_ssize_t>(size);
  archive_set_error(a, s.error().number(), "%s", s.error().message().c_str());
  c->out.error = std::move(s);
  return -1;
}

Result<ArchiveWriter> compressor(CompressedOutput& output, Compression compression) {
  ArchiveWriter writer(archive_write_new());
  struct archive* a = writer.get();
  bool good = a != nullptr && archive_write_set_format_raw(a) == ARCHIVE_OK;
  if (compression == Compression::gzip) {
    good = good && archive_write_add_filter_gzip(a) == ARCHIVE_OK &&
           archive_write_set_filter_option(a, "gzip", "timestamp", nullptr) == ARCHIVE_OK;
    output.patch_gzip = true;
  } else if (compression == Compression::zstd) {
    good = good && archive_write_add_filter_zstd(a) == ARCHIVE_OK;
  } else {
    good = good && archive_write_add_filter_none(a) == ARCHIVE_OK;
  }
  good = good && archive_write_set_bytes_per_block(a, 64 * 1024) == ARCHIVE_OK &&
         archive_write_set_bytes_in_last_block(a, 1) == ARCHIVE_OK &&
         archive_write_open2(a, &output, nullptr, write_compressed, nullptr, nullptr) == ARCHIVE_OK;
  ArchiveEntry entry = new_entry();
  archive_entry_set_pathname(entry.get(), "layer");
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  if (!good || archive_write_header(a, entry.get()) != ARCHIVE_OK)
    return archive_error(a, "opening a compressor");
  return writer;
}

std::string_view layer_type(Compression compression) {
  switch (compression) {
    case Compression::none:
      return media::oci_layer;
    case Compression::gzip:
      return media::oci_layer_gzip;
    case Compression::zstd:
      return media::oci_layer_zstd;
  }
  return media::oci_layer;
}

Json descriptor_json(const Descriptor& d) {
  Json j = {{"mediaType", d.media_type}, {"digest", d.digest.str()}, {"size", d.size}};
  if (!d.annotations.empty()) j["annotations"] = d.annotations;
  return j;
}

}  // namespace

Result<int64_t> source_date_epoch(int64_t fallback) {
  const char* text = getenv("SOURCE_DATE_EPOCH");
  if (text == nullptr || *text == '\0') return fallback;
  char* end = nullptr;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (*end != '\0' || errno != 0 || value < 0)
    return Error::usage(fmt::format("SOURCE_DATE_EPOCH is {}, not a number of seconds since 1970", text));
  return static_cast<int64_t>(value);
}

std::string rfc3339(int64_t seconds) {
  // Days to a date by the proleptic Gregorian calendar; gmtime_r would do, but reads no locale only by
  // promise.
  auto days = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(seconds)));
  std::chrono::year_month_day date(days);
  int64_t rest = seconds - std::chrono::duration_cast<std::chrono::seconds>(days.time_since_epoch()).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), rest / 3600,
                     rest / 60 % 60, rest % 60);
}

Result<LayoutWriter> LayoutWriter::create(const std::string& directory) {
  CHECK_OK(sys::make_dirs(directory, 0755));
  Fd dir = TRY(sys::open(directory, O_RDONLY | O_DIRECTORY));
  if (!TRY(sys::list_dir(dir.get())).empty())
    return Error::infrastructure(fmt::format("{} is not empty", directory));
  CHECK_OK(sys::make_dir_at(dir.get(), "blobs", 0755));
  CHECK_OK(sys::make_dir_at(dir.get(), "blobs/sha256", 0755));
  CHECK_OK(sys::write_file_at(dir.get(), "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"));
  return LayoutWriter(std::move(dir));
}

Result<CompressedLayer> compress_layer(int tar, int out, Compression compression) {
  CompressedOutput output;
  output.out.fd = out;
  ArchiveWriter writer = TRY(compressor(output, compression));
  Sha256 diff;
  std::string buffer(size_t{256} * 1024, '\0');
  for (;;) {
    size_t n = TRY(sys::read_full(tar, buffer.data(), buffer.size()));
    if (n == 0) break;
    diff.update({buffer.data(), n});
    if (archive_write_data(writer.get(), buffer.data(), n) != static_cast<la_ssize_t>(n))
      return archive_error(writer.get(), "compressing a layer");
  }
  if (archive_write_close(writer.get()) != ARCHIVE_OK)
    return archive_error(writer.get(), "compressing a layer");
  CHECK_OK(std::move(output.out.error));
  CompressedLayer layer;
  layer.diff_id = diff.finish();
  layer.blob.media_type = layer_type(compression);
  layer.blob.digest = output.out.hash.finish();
  layer.blob.size = output.out.size;
  return layer;
}

Result<LayoutWriter::Layer> LayoutWriter::add_layer(int tar, Compression compression, std::string history) {
  const std::string temporary = "blobs/layer.tmp";
  Fd file = TRY(sys::open_at(directory_.get(), temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
  Layer layer = TRY(compress_layer(tar, file.get(), compression));
  std::string path = "blobs/sha256/" + layer.blob.digest.hex();
  if (renameat(directory_.get(), temporary.c_str(), directory_.get(), path.c_str()) != 0)
    return Error::system("renameat", path);
  layers_.push_back(layer);
  history_.push_back(std::move(history));
  return layer;
}

Result<Descriptor> LayoutWriter::add_blob(std::string_view bytes, std::string_view media_type) {
  Descriptor d;
  d.media_type = media_type;
  d.digest = Digest::of(bytes);
  d.size = bytes.size();
  CHECK_OK(sys::write_file_at(directory_.get(), "blobs/sha256/" + d.digest.hex(), bytes));
  return d;
}

Json healthcheck_json(const Healthcheck& check) {
  Json json{{"Test", check.test}};
  for (const auto& [key, value] :
       {std::pair{"Interval", check.interval_ns}, std::pair{"Timeout", check.timeout_ns},
        std::pair{"StartPeriod", check.start_period_ns}, std::pair{"Retries", check.retries}})
    if (value != 0) json[key] = value;
  return json;
}

Result<Descriptor> LayoutWriter::finish(const LayoutImage& image, const std::string& tag) {
  int64_t seconds = image.created ? *image.created : TRY(source_date_epoch(0));
  const Config& c = image.config;
  Json container = Json::object();
  if (!c.env.empty()) container["Env"] = c.env;
  if (!c.entrypoint.empty()) container["Entrypoint"] = c.entrypoint;
  if (!c.command.empty()) container["Cmd"] = c.command;
  if (!c.working_dir.empty()) container["WorkingDir"] = c.working_dir;
  if (!c.user.empty()) container["User"] = c.user;
  if (!c.labels.empty()) container["Labels"] = c.labels;
  for (const std::string& port : c.exposed_ports) container["ExposedPorts"][port] = Json::object();
  if (c.healthcheck) container["Healthcheck"] = healthcheck_json(*c.healthcheck);
  Json diff_ids = Json::array();
  Json history = Json::array();
  Json layers = Json::array();
  for (size_t i = 0; i < layers_.size(); ++i) {
    diff_ids.push_back(layers_[i].diff_id.str());
    layers.push_back(descriptor_json(layers_[i].blob));
    Json line = {{"created", rfc3339(seconds)}};
    if (!history_[i].empty()) line["created_by"] = history_[i];
    history.push_back(std::move(line));
  }
  Json config = {{"created", rfc3339(seconds)},
                 {"os", c.os.empty() ? "linux" : c.os},
                 {"architecture", c.architecture.empty() ? std::string(own_architecture()) : c.architecture},
                 {"config", container},
                 {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}},
                 {"history", history}};
  Descriptor config_blob = TRY(add_blob(json::dump(config), media::oci_config));
  Json manifest = {{"schemaVersion", 2},
                   {"mediaType", media::oci_manifest},
                   {"config", descriptor_json(config_blob)},
                   {"layers", layers}};
  if (!image.annotations.empty()) manifest["annotations"] = image.annotations;
  Descriptor descriptor = TRY(add_blob(json::dump(manifest), media::oci_manifest));
  if (!tag.empty()) descriptor.annotations["org.opencontainers.image.ref.name"] = tag;
  manifests_.push_back(json::dump(descriptor_json(descriptor)));
  std::string index = fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[)", media::oci_index);
  for (size_t i = 0; i < manifests_.size(); ++i) index += (i == 0 ? "" : ",") + manifests_[i];
  CHECK_OK(sys::write_file_atomic(directory_.get(), "index.json", index + "]}", 0644, /* sync= */ false));
  layers_.clear();
  history_.clear();
  return descriptor;
}

}  // namespace testctr::image
