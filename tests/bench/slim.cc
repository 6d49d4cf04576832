// bench-slim IMAGE SCRIPT DIRECTORY: what following costs, and how small an image gets. Runs the script in
// the image as it is, then followed, makes a slim image of what was touched (an OCI layout in DIRECTORY), and
// runs the script in that. The store is the usual one.
#include <cstdio>
#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "image/layout_writer.h"
#include "image/slim.h"
#include "plan/make_plan.h"
#include "run/run.h"
#include "sandbox/follow.h"

using namespace testctr;

namespace {

struct Ending : EventSink {
  std::string last, reason;
  void take(const Event& event) override {
    if (event.kind == Event::Kind::command && std::getenv("VERBOSE") != nullptr)
      std::printf("  %s\n", text::printable(event.text).c_str());
    if (event.kind == Event::Kind::failure) reason = event.failure.reason;
    if (event.kind == Event::Kind::script_ended)
      last = fmt::format("{} {}", to_string(event.outcome), text::printable(event.text + reason));
  }
};

Result<double> run_once(const std::string& image, const std::string& script, int record,
                        std::string& ending) {
  plan::RunRequest request;
  request.words = {image, script};
  const plan::Plan plan = TRY(plan::make_plan(request));
  run::Options options;
  if (record >= 0) options.follow = [&](const std::string&) { return record; };
  Ending events;
  const uint64_t begun = sys::monotonic_ns();
  (void)TRY(run::run_plan(plan, events, options));
  ending = events.last;
  return static_cast<double>(sys::monotonic_ns() - begun) / 1e9;
}

Status measure(const std::string& image, const std::string& script, const std::string& directory) {
  std::string plain, followed, slim;
  CHECK_OK(run_once(image, script, -1, plain));  // unpacks what is not there yet
  const double alone = TRY(run_once(image, script, -1, plain));
  std::printf("as it is:  %6.2f s  %s\n", alone, plain.c_str());
  Fd record = TRY(sandbox::make_record("/tmp"));
  const double longer = TRY(run_once(image, script, record.get(), followed));
  const auto touched = TRY(sandbox::read_followed(record.get()));
  std::printf("followed:  %6.2f s  %s; %zu names, %zu calls unseen\n", longer, followed.c_str(),
              touched.names.size(), touched.unseen.size());
  for (const std::string& line : touched.unseen) std::printf("  unseen: %s\n", line.c_str());
  auto store = TRY(image::Store::open({}));
  const auto root = TRY(image::obtain(store, image));
  Fd tar(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  uint64_t begun = sys::monotonic_ns();
  const auto layer = TRY(image::write_slim_layer(tar.get(), root, touched.names));
  const double writing = static_cast<double>(sys::monotonic_ns() - begun) / 1e9;
  for (const std::string& line : layer.notes) std::printf("  note: %s\n", line.c_str());
  std::printf(
      "layer:     %6.2f s  kept %llu files, %s; left out %llu files, %s, of them in lists %llu, %s\n",
      writing, static_cast<unsigned long long>(layer.kept.files), text::human_size(layer.kept.bytes).c_str(),
      static_cast<unsigned long long>(layer.left_out.files), text::human_size(layer.left_out.bytes).c_str(),
      static_cast<unsigned long long>(layer.missing_in_lists.files),
      text::human_size(layer.missing_in_lists.bytes).c_str());
  lseek(tar.get(), 0, SEEK_SET);
  begun = sys::monotonic_ns();
  auto writer = TRY(image::LayoutWriter::create(directory));
  const auto blob = TRY(writer.add_layer(tar.get(), image::Compression::zstd));
  (void)TRY(writer.finish({.config = root.config, .created = 0, .annotations = {}}, "latest"));
  std::printf("zstd:      %6.2f s  %s\n", static_cast<double>(sys::monotonic_ns() - begun) / 1e9,
              text::human_size(blob.blob.size).c_str());
  const double again = TRY(run_once("oci:" + directory, script, -1, slim));
  std::printf("slim:      %6.2f s  %s\n", again, slim.c_str());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bench-slim IMAGE SCRIPT DIRECTORY\n");
    return 2;
  }
  if (const Status measured = measure(argv[1], argv[2], argv[3]); !measured.ok()) {
    std::fprintf(stderr, "%s\n", measured.error().full().c_str());
    return 1;
  }
  return 0;
}
