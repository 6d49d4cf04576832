#include "plan/places.h"

#include <algorithm>

#include "base/text.h"
#include "script/script.h"

namespace testctr::plan {
namespace {

/// Whether a command takes the lines behind it elsewhere.
bool enters(const std::vector<std::optional<std::string>>& words) {
  if (words.empty()) return false;
  if (words[0] == "enter") return true;
  return words[0] == "start" && std::find(words.begin(), words.end(), "--enter") != words.end();
}

void add_image(Job& job, const std::string& image) {
  if (std::find(job.images.begin(), job.images.end(), image) == job.images.end()) job.images.push_back(image);
}

Error at(const Job& job, const script::Section& section, const std::string& what) {
  return Error::usage(
      fmt::format("{}:{}:{}: {}", text::printable(job.file), section.line, section.column, what));
}

void add_container(Job& job, const script::Section& section) {
  for (const Container& known : job.containers) {
    if (known.name != section.place()) continue;
    if (known.image == section.image) return;
    job.error = at(job, section,
                   fmt::format("{} is already the name of a container of {}", section.place(), known.image))
                    .hint("each container has a name of its own");
    return;
  }
  Container container;
  container.name = section.place();
  container.image = section.image;
  job.containers.push_back(std::move(container));
}

}  // namespace

bool set_places(Job& job) {
  if (job.error || job.format != Format::script) return job.error || !job.image.empty();
  const Result<script::Script> script = script::parse(job.file, job.source);
  if (!script.ok()) return true;  // told of where it is read
  bool says_itself = !script.value().sections.empty();
  for (const script::Section& section : script.value().sections) {
    if (!section.image.empty()) {
      add_container(job, section);
    } else if (!section.host && job.image.empty()) {
      job.error = at(job, section, "this section names no image, and none was given")
                      .hint("`[container IMAGE]` names one, or `run IMAGE FILE`");
    }
  }
  for (const script::Command& command : script.value().commands) {
    const auto words = script::testctr_words(command);
    says_itself = says_itself || enters(words);
    if (words.size() > 2 && words[0] == "start" && words[1]) add_image(job, *words[1]);
  }
  if (!job.image.empty()) return true;
  job.where = host_place;
  return says_itself;
}

}  // namespace testctr::plan
