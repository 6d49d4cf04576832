#include "plan/places.h"

#include <algorithm>

#include "base/text.h"
#include "plan/gather.h"
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

bool is_known(const Job& job, const std::string& place) {
  if (place == host_place) return true;
  if (place == default_place) return !job.image.empty();
  return std::any_of(job.containers.begin(), job.containers.end(), [&](const Container& container) {
    return container.name == place && !container.service;
  });
}

void add_containers(Job& job, const Step& step, const script::DocumentConfig& config) {
  for (const auto& [name, image] : config.containers) {
    const auto known = std::find_if(job.containers.begin(), job.containers.end(),
                                    [&, &name = name](const Container& other) { return other.name == name; });
    if (known == job.containers.end()) {
      Container container;
      container.name = name;
      container.image = image;
      job.containers.push_back(std::move(container));
    } else if (known->image != image && !job.error) {
      job.error = Error::usage(fmt::format("{}: containers: {} is already the name of a container of {}",
                                           text::printable(step.file), name, known->image));
    }
  }
}

/// Whether a document may say something of places: most do not, and reading takes its time.
bool speaks_of_places(const Step& step) {
  return std::any_of(step.parts.begin(), step.parts.end(), [](const DocumentPart& part) {
    return part.source.find("where") != std::string::npos || part.source.find("image") != std::string::npos ||
           part.source.find("containers") != std::string::npos;
  });
}

Result<std::vector<script::Document>> documents_of(const Job& job, const Step& step) {
  std::vector<script::Document> documents;
  for (const DocumentPart& part : step.parts)
    documents.push_back(
        TRY(script::read_document(dialect_of(step.format), part.name, part.source, job.documents.reading)));
  return documents;
}

/// What a document that is a job of its own says of where it runs. @return whether that is known
bool set_document_places(Job& job) {
  if (job.error) return true;
  if (!speaks_of_places(job)) return !job.image.empty();
  const auto read = documents_of(job, job);
  if (!read.ok()) return true;  // told of where it is read
  const script::DocumentConfig& config = read.value()[job.main_part].config;
  if (job.image.empty()) job.image = config.image.value_or("");
  if (job.image.empty()) {
    for (const script::Document& part : read.value()) {
      for (const script::Case& test : part.cases) {
        const std::string place = script::place_of(test, config.defaults, "");
        if (place.empty() || place == default_place) return false;
      }
    }
    job.where = host_place;
  }
  add_document_places(job, job);
  return true;
}

}  // namespace

bool names_places(const Step& step) {
  return std::any_of(step.parts.begin(), step.parts.end(),
                     [](const DocumentPart& part) { return part.source.find("where") != std::string::npos; });
}

void add_document_places(Job& job, const Step& step) {
  if (step.format == Format::script || !speaks_of_places(step)) return;
  const auto read = documents_of(job, step);
  if (!read.ok()) return;
  const script::DocumentConfig& config = read.value().at(step.main_part).config;
  if (job.image.empty()) job.image = config.image.value_or("");
  add_containers(job, step, config);
  for (const script::Document& part : read.value()) {
    for (const script::Case& test : part.cases) {
      const std::string place = script::place_of(test, config.defaults, step.where);
      if (is_known(job, place) || job.error) continue;
      std::vector<std::string> names{host_place, default_place};
      for (const auto& [name, image] : config.containers) names.push_back(name);
      const auto near = text::nearest(place, names);
      Error error = Error::usage(
          place == default_place
              ? fmt::format("{}:{}: where: nothing says which image the container is made from",
                            text::printable(part.name), test.line)
              : fmt::format("{}:{}: where: no container has the name {}{}", text::printable(part.name),
                            test.line, text::quoted(place),
                            near && *near != place ? fmt::format("; did you mean {}?", *near) : ""));
      job.error = std::move(error).hint(
          place == default_place ? "`image: IMAGE` in the front matter names one, or `run IMAGE FILE`"
                                 : "`containers: {NAME: IMAGE}` in the front matter names it");
    }
  }
}

bool set_places(Job& job) {
  if (job.format != Format::script) return set_document_places(job);
  if (job.error) return true;
  const Result<script::Script> script = script::parse(job.file, job.source, job.language);
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

Error no_image_here(const std::string& image) {
  return Error::usage(
             fmt::format("--engine here runs in this machine's own root, and {} is an image of another",
                         text::quoted(image)))
      .hint("leave the image out (also in the manifest and in the documents), or choose another engine");
}

Status set_here(Job& job) {
  Job asked = job;
  if (asked.image.empty()) (void)set_places(asked);
  if (!asked.image.empty()) return no_image_here(asked.image);
  if (!asked.containers.empty()) return no_image_here(asked.containers.front().image);
  if (!asked.images.empty()) return no_image_here(asked.images.front());
  if (job.format == Format::script && !job.error) {
    const Result<script::Script> script = script::parse(job.file, job.source, job.language);
    if (script.ok() && !script.value().sections.empty())
      return Error::usage(fmt::format("--engine here has but one place, and {} has sections for others",
                                      text::quoted(job.file)));
  }
  job.image = "hostfs";
  (void)set_places(job);
  return {};
}

}  // namespace testctr::plan
