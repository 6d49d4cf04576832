#include "plan/manifest_job.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "plan/checks.h"
#include "plan/host_paths.h"
#include "plan/manifest_globs.h"
#include "plan/places.h"
#include "script/script.h"

namespace testctr::plan {
namespace {

const ManifestFile& file_of(const JobContext& context, Place place) {
  return context.manifest.files[std::min<size_t>(place.file, context.manifest.files.size() - 1)];
}

void wrong(const JobContext& context, Place place, const Error& error) {
  context.mistakes.add(
      place, error.hint().empty() ? error.message() : fmt::format("{}; {}", error.message(), error.hint()));
}

std::string below(const std::string& folder, const std::string& path) {
  return path.starts_with('/') ? path : folder + path;
}

void add_variables(const JobContext& context, const Settings& settings, const Combination& combination,
                   Job& job) {
  for (const auto& [name, value] : settings.env)
    job.environment[name] = replaced(value, combination, context.mistakes);
  for (const auto& [name, value] : combination) {
    if (name != "image") job.environment[name] = value;
  }
  for (const Text& secret : settings.secrets) {
    job.secrets.push_back(secret.value);
    const std::optional<std::string> value = context.here.environment(secret.value);
    if (value) {
      job.environment[secret.value] = *value;
    } else if (!context.request.looks_only) {
      context.mistakes.add(secret.place, fmt::format("the secret {} is not set here; `export {}=...` sets it",
                                                     secret.value, secret.value));
    }
  }
}

/// A place is told of once, however many jobs it concerns.
template <class Thing>
void bring(const JobContext& context, const char* key, const std::vector<Text>& words,
           const Combination& combination,
           Status (*add)(std::vector<Thing>&, const std::string&, const WordPlace&),
           std::vector<Thing>& things) {
  for (const Text& word : words) {
    const WordPlace where{key, file_of(context, word.place).prefix, context.here.home};
    const Status added = add(things, replaced(word, combination, context.mistakes), where);
    if (!added.ok()) wrong(context, word.place, added.error());
  }
}

void add_files(const JobContext& context, const Settings& settings, const Combination& combination,
               Job& job) {
  bring(context, "bin", settings.bin, combination, add_program, job.programs);
  bring(context, "mounts", settings.mounts, combination, add_mount, job.mounts);
  bring(context, "artifacts", settings.artifacts, combination, add_artifacts, job.artifacts);
}

Container container_of(const JobContext& context, const Service& service, const Combination& combination) {
  Container container;
  container.service = true;
  container.name = service.name.value;
  container.image = replaced(service.image, combination, context.mistakes);
  for (const auto& [name, value] : service.env)
    container.environment[name] = replaced(value, combination, context.mistakes);
  for (const Text& word : service.command)
    container.command.push_back(replaced(word, combination, context.mistakes));
  container.ready = service.ready;
  return container;
}

void add_services(const JobContext& context, const Settings& settings, const ManifestTest* test,
                  const Combination& combination, Job& job) {
  if (test == nullptr || !test->used_services) {
    for (const Service& service : settings.services)
      job.containers.push_back(container_of(context, service, combination));
    return;
  }
  for (const Text& name : *test->used_services) {
    const auto found = std::find_if(settings.services.begin(), settings.services.end(),
                                    [&](const Service& service) { return service.name.value == name.value; });
    if (found != settings.services.end()) {
      job.containers.push_back(container_of(context, *found, combination));
      continue;
    }
    std::vector<std::string> names;
    for (const Service& service : settings.services) names.push_back(service.name.value);
    const auto near = text::nearest(name.value, names);
    context.mistakes.add(name.place, fmt::format("no service has the name {}{}", text::quoted(name.value),
                                                 near ? fmt::format("; did you mean {}?", *near) : ""));
  }
}

void set_seccomp(const JobContext& context, const Settings& settings, Job& job) {
  const RunRequest& request = context.request;
  if (settings.seccomp && !request.given.seccomp) {
    const std::string& word = settings.seccomp->value;
    const bool is_word = word == "default" || word == "unconfined" || word == "strict";
    auto choice = seccomp_choice(
        "seccomp", is_word ? word : below(file_of(context, settings.seccomp->place).prefix, word));
    if (!choice.ok()) return wrong(context, settings.seccomp->place, choice.error());
    job.seccomp = std::move(choice).value();
  }
}

void set_tree(const JobContext& context, const Settings& settings, const Combination& combination, Job& job) {
  if (!settings.tree || context.request.tree) return;
  const std::string word = replaced(*settings.tree, combination, context.mistakes);
  const std::string path = below(file_of(context, settings.tree->place).prefix, word);
  auto tree = tree_folder("tree", path.empty() ? "." : path, context.here);
  if (!tree.ok()) return wrong(context, settings.tree->place, tree.error());
  job.tree = std::move(tree).value();
}

Format format_named(const std::string& word) {
  return word == "scrut" ? Format::markdown : word == "cram" ? Format::cram : Format::script;
}

/// The place of a container section. Makes its container where there is none yet.
std::string place_of(const JobContext& context, const Section& section, const std::string& default_image,
                     const Combination& combination, Job& job) {
  const std::string own = section.image ? replaced(*section.image, combination, context.mistakes) : "";
  if (own.empty() && !section.name) {
    if (default_image.empty())
      context.mistakes.add(section.place,
                           "nothing says which image this section runs in; add `image:` to it, to "
                           "its test or to the manifest");
    job.image = default_image;
    return default_place;
  }
  const std::string name = section.name ? section.name->value : own;
  const auto known = std::find_if(job.containers.begin(), job.containers.end(),
                                  [&](const Container& container) { return container.name == name; });
  if (known == job.containers.end()) {
    if (own.empty() && default_image.empty())
      context.mistakes.add(section.place, fmt::format("nothing says which image {} is made from", name));
    Container container;
    container.name = name;
    container.image = own.empty() ? default_image : own;
    job.containers.push_back(std::move(container));
  } else if (known->service) {
    context.mistakes.add(section.name ? section.name->place : section.place,
                         fmt::format("{} is a service: it runs its own program, and no section", name));
  } else if (!own.empty() && known->image != own) {
    context.mistakes.add(
        section.image->place,
        fmt::format("the container {} is made from {} in a section above", name, known->image));
  }
  return name;
}

/// Reads a step. @return with the error of the job where it cannot be read
void read_step(const JobContext& context, const Section& section, const Combination& combination, Job& step) {
  const ManifestFile& file = file_of(context, section.place);
  if (section.run) {
    const uint32_t line = section.run_line == 0 ? section.run->place.line : section.run_line;
    step.file = section.run_line == 0 ? fmt::format("{}:{}", file.name, line) : file.name;
    step.name = file.relative + file.name.substr(file.prefix.size());
    if (section.run_line == 0) step.name += fmt::format(":{}", line);
    step.format = section.format ? format_named(section.format->value) : Format::script;
    // Its lines have the numbers that they have in the manifest.
    step.source = section.run_line != 0 ? std::string(line - 1, '\n') : "";
    step.source += replaced(*section.run, combination, context.mistakes);
    return check_source(step, file.folder);
  }
  const std::string path = replaced(*section.script, combination, context.mistakes);
  auto selected = select_for_manifest(file.prefix, path, section.format ? section.format->value : "");
  if (!selected.ok()) return wrong(context, section.script->place, selected.error());
  if (selected.value().scripts.size() != 1) {
    return context.mistakes.add(
        section.script->place,
        fmt::format("a section runs one script, and these are {}", selected.value().scripts.size()));
  }
  const Selected& script = selected.value().scripts[0];
  step.file = script.path;
  step.name = file.relative + path;
  step.format = script.format;
  read_script(step, script.folder);
}

/// Whether a script goes by itself into the container that its test has when none is named.
bool enters_default_place(const Job& step) {
  if (step.error || step.format != Format::script) return false;
  const Result<script::Script> parsed = script::parse(step.file, step.source, step.language);
  return parsed.ok() && std::any_of(parsed.value().sections.begin(), parsed.value().sections.end(),
                                    [](const auto& section) { return section.place() == default_place; });
}

}  // namespace

Job common_job(const JobContext& context, const Settings& settings, const ManifestTest* test,
               const Combination& combination) {
  const RunRequest& request = context.request;
  Job job;
  job.where = default_place;
  add_variables(context, settings, combination, job);
  job.limits = request.limits;
  request.given.limits.over(settings.limits).apply(job.limits);
  job.ids = settings.ids && !request.given.ids ? settings.ids->value : request.ids;
  job.network = settings.network && !request.given.network ? settings.network->value : request.network;
  set_seccomp(context, settings, job);
  set_tree(context, settings, combination, job);
  add_files(context, settings, combination, job);
  add_services(context, settings, test, combination, job);
  for (const Text& image : settings.images)
    job.images.push_back(replaced(image, combination, context.mistakes));
  job.retries = request.retries.value_or(settings.retries.value_or(0));
  job.documents = request.documents;
  job.scripts = request.scripts;
  for (const Text& name : settings.commands) job.scripts.commands.push_back(name.value);
  job.scripts.conditions.insert(settings.conditions.begin(), settings.conditions.end());
  job.language = request.language    ? *request.language
                 : settings.language ? settings.language->value
                                     : script::Language::testctr;
  if (context.manifest.lock) job.pins = pins_of(*context.manifest.lock, own_platform());
  return job;
}

std::string image_of(const JobContext& context, const ManifestTest& test, const Combination& combination) {
  const std::string* axis = value_of(combination, "image");
  if (axis != nullptr && !test.own_image) return *axis;
  return test.settings.image ? replaced(*test.settings.image, combination, context.mistakes) : "";
}

void add_sections(const JobContext& context, const ManifestTest& test, const Combination& combination,
                  Job& job) {
  const std::string image = image_of(context, test, combination);
  if (job.tree.empty()) {
    std::string folder = file_of(context, test.place).folder;
    if (folder.size() > 1) folder.pop_back();
    if (!is_too_much(folder, context.here)) job.tree = folder;
  }
  bool first = true;
  for (const Section& section : test.sections) {
    const std::string where = section.host ? host_place : place_of(context, section, image, combination, job);
    Job step = job;
    read_step(context, section, combination, step);
    step.image = image;
    (void)set_places(step);
    step.where = where;
    job.containers = step.containers;
    job.images = step.images;
    if (enters_default_place(step) || names_places(step)) job.image = image;
    if (step.error && !job.error) job.error = std::move(step.error);
    if (std::exchange(first, false)) {
      step.name = job.name;
      static_cast<Step&>(job) = std::move(step);
    } else {
      job.further.push_back(std::move(step));
    }
  }
  add_document_places(job, job);
  for (size_t i = 0; i < job.further.size(); ++i) add_document_places(job, Step(job.further[i]));
}

Job setup_job(const JobContext& context, const Section& section, const Settings& settings,
              const Combination& combination, const std::string& image) {
  Job job = common_job(context, settings, nullptr, combination);
  job.setup = true;
  job.image = image;
  job.containers.clear();
  job.artifacts.clear();
  if (job.tree.empty()) {
    std::string folder = file_of(context, section.place).folder;
    if (folder.size() > 1) folder.pop_back();
    if (!is_too_much(folder, context.here)) job.tree = folder;
  }
  read_step(context, section, combination, job);
  (void)set_places(job);
  return job;
}

void add_script(const JobContext& context, const Selected& script, Job& job) {
  job.file = script.path;
  job.format = script.format;
  if (job.tree.empty() && !is_too_much(script.folder, context.here)) job.tree = script.folder;
  read_script(job, script.folder);
}

}  // namespace testctr::plan
