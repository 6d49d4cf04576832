#include "plan/manifest_keys.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace testctr::plan {
namespace {

// What values may be

Type text_type(std::string wanted, std::string pattern = "") {
  return {.kind = Type::Kind::text, .wanted = std::move(wanted), .pattern = std::move(pattern)};
}
Type choice_type(std::vector<std::string> words) {
  return {.kind = Type::Kind::choice, .wanted = text::join(words, " or "), .words = std::move(words)};
}
Type list_type(std::string wanted, const Type& of, bool may_be_empty = false) {
  return {.kind = Type::Kind::list, .wanted = std::move(wanted), .of = &of, .may_be_empty = may_be_empty};
}
Type object_type(std::string wanted, const Shape& (*shape)()) {
  return {.kind = Type::Kind::object, .wanted = std::move(wanted), .shape = shape};
}
Type either_type(std::string wanted, std::vector<const Type*> either) {
  return {.kind = Type::Kind::either, .wanted = std::move(wanted), .either = std::move(either)};
}

const char* const place_pattern = "[A-Za-z0-9][A-Za-z0-9_.-]{0,62}";
const std::vector<std::string> place_names_reserved = {host_place, default_place};

const Shape& limits_shape();
const Shape& service_shape();
const Shape& ready_shape();
const Shape& test_shape();
const Shape& section_shape();
const Shape& host_shape();
const Shape& setup_shape();
const Shape& container_shape();

const Type any_text = text_type("a text");
const Type full_text = text_type("a text that is not empty", "(.|\\n)+");
const Type path = text_type("a path", "[^\\x00-\\x1f]+");
const Type image = text_type("an image such as golang:1.22, builtin or oci:DIR", "[^\\s]+");
const Type test_name = text_type("a name", "[^\\s]([^\\x00-\\x1f]*[^\\s])?");
const Type tag = text_type("a word", "[^\\s,]+");
const Type variable = text_type("the name of a variable", "[^=\\s]+");
const Type place_name = {
    .kind = Type::Kind::text,
    .wanted = "a name of letters, digits, `-`, `_` and `.`, and neither host nor container",
    .pattern = place_pattern,
    .reserved = place_names_reserved};
const Type duration = {.kind = Type::Kind::duration,
                       .wanted = "a time above zero, such as 500ms, 30s or 1m30s"};
const Type size = {.kind = Type::Kind::size, .wanted = "a size above zero, such as 512MiB or 2GiB"};
const Type count = {
    .kind = Type::Kind::integer, .wanted = "a whole number from 1 to 4194304", .least = 1, .most = 4'194'304};
const Type port = {.kind = Type::Kind::integer,
                   .wanted = "a port, a whole number from 1 to 65535",
                   .least = 1,
                   .most = 65'535};
const Type version = {
    .kind = Type::Kind::integer, .wanted = "1, the only version that there is so far", .least = 1, .most = 1};
const Type processors_type = {.kind = Type::Kind::number,
                              .wanted = "a number of processors, such as 2 or 0.5"};
const Type network = choice_type({"none", "host"});
const Type ids = choice_type({"one", "range"});
const Type format = choice_type({"script", "scrut", "cram"});
const Type dialect = choice_type({"testctr", "rsc", "testscript", "cmdgo"});
const Type condition_value = {.kind = Type::Kind::boolean, .wanted = "true or false"};
const Type conditions = {.kind = Type::Kind::map,
                         .wanted = "conditions, written NAME: true or NAME: false",
                         .pattern = "[A-Za-z_][A-Za-z0-9_.-]*",
                         .of = &condition_value};
const Type command_name = text_type("the name of a program, without blanks and /", "[^\\s/]+");
const Type command_names = list_type("a list of names of programs", command_name);
const Type seccomp = text_type("default, unconfined or the file of a profile", "[^\\x00-\\x1f]+");
const Type paths = list_type("a list of paths", path);
const Type path_or_paths = either_type("a path or a list of paths", {&path, &paths});
const Type images = list_type("a list of images", image);
const Type variables_list = list_type("a list of variables", variable);
const Type tags = list_type("a list of words", tag);
const Type tag_or_tags = either_type("a word or a list of words", {&tag, &tags});
const Type names = list_type("a list of names of tests", test_name);
const Type name_or_names = either_type("the name of a test or a list of them", {&test_name, &names});
const Type words = list_type("a list of a program and its arguments", any_text);
const Type environment = {.kind = Type::Kind::map,
                          .wanted = "variables, written NAME: value",
                          .pattern = "[^=\\s]+",
                          .reserved = {"WORK", "TREE"},
                          .of = &any_text};
const Type bin_entry = text_type("PATH or PATH=NAME", "[^\\x00-\\x1f]+");
const Type bin = list_type("a list of PATH or PATH=NAME", bin_entry);
const Type mount_entry = text_type("SRC:DST or SRC:DST:ro, with an absolute DST", "[^:]+:/[^:]*(:ro)?");
const Type mounts = list_type("a list of SRC:DST or SRC:DST:ro", mount_entry);
const Type artifact_entry = text_type("GLOB=DIR", "[^=]+=.+");
const Type artifacts = list_type("a list of GLOB=DIR", artifact_entry);
const Type axis = list_type("a list of values", full_text);
const Type matrix = {.kind = Type::Kind::map,
                     .wanted = "lists of values, written NAME: [value, ...]",
                     .pattern = "[A-Za-z_][A-Za-z0-9_]*",
                     .reserved = {"WORK", "TREE"},
                     .of = &axis};
const Type limits = object_type("a mapping of limits", limits_shape);
const Type ready_word = choice_type({"started", "health"});
const Type ready_object = object_type("a mapping such as {port: 5432}", ready_shape);
const Type ready =
    either_type("started, health or a mapping such as {port: 5432}", {&ready_word, &ready_object});
const Type service = object_type("a mapping such as {image: NAME}", service_shape);
const Type services = {.kind = Type::Kind::map,
                       .wanted = "services, written NAME: {image: IMAGE}",
                       .pattern = place_pattern,
                       .reserved = place_names_reserved,
                       .of = &service};
const Type service_names = list_type("a list of names of services", place_name, /*may_be_empty=*/true);
const Type own_services =
    either_type("a list of names of services, or services of its own", {&service_names, &services});
const Type host_section = object_type("a mapping such as {script: FILE}", host_shape);
const Type container_section = object_type("a mapping such as {script: FILE}", container_shape);
const Type section = object_type("a section, `host:` or `container:`", section_shape);
const Type setup = object_type("a mapping such as {script: FILE}", setup_shape);
const Type sections = list_type("a list of sections", section);
const Type retries = {
    .kind = Type::Kind::integer, .wanted = "a whole number from 0 to 100", .least = 0, .most = 100};
const Type group_size = {
    .kind = Type::Kind::integer, .wanted = "a whole number from 1 to 1000", .least = 1, .most = 1000};
const Type groups = {.kind = Type::Kind::map,
                     .wanted = "how many tests run at the same time, written NAME: N",
                     .pattern = "[^\\s,]+",
                     .of = &group_size};
const Type test = object_type("a test, written script: FILE", test_shape);
const Type tests = list_type("a list of tests", test);

// From values that fit to what they mean

Text text_of(const Yaml& value) { return {value.text, value.place}; }

/// A list, or a single value as one.
std::vector<Text> texts_of(const Yaml& value) {
  if (value.kind == Yaml::Kind::scalar) return {text_of(value)};
  std::vector<Text> all;
  for (const Yaml& item : value.items) all.push_back(text_of(item));
  return all;
}

std::map<std::string, Text> environment_of(const Yaml& value) {
  std::map<std::string, Text> all;
  for (const YamlPair& member : value.members) all[member.key.text] = text_of(member.value);
  return all;
}

std::map<std::string, bool> conditions_of(const Yaml& value) {
  std::map<std::string, bool> all;
  for (const YamlPair& member : value.members) all[member.key.text] = member.value.text == "true";
  return all;
}

template <class Number>
Number number_of(const Yaml& value) {
  Number number{};
  std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  return number;
}

std::vector<Service> services_of(const Yaml& value) {
  std::vector<Service> all;
  for (const YamlPair& member : value.members) {
    Service one;
    one.name = text_of(member.key);
    take(service_shape(), member.value, &one);
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<Axis> matrix_of(const Yaml& value) {
  std::vector<Axis> all;
  for (const YamlPair& member : value.members) all.push_back({text_of(member.key), texts_of(member.value)});
  return all;
}

/// A row of a table: `set` takes the value and the target that it is for.
template <class Target, class Set>
Key key(std::string name, const Type& type, std::string help, Set set, bool required = false) {
  return {std::move(name), &type, std::move(help),
          [set](const Yaml& value, void* target) { set(value, *static_cast<Target*>(target)); }, required};
}

// The tables

const Shape& limits_shape() {
  using L = LimitSettings;
  const auto nanoseconds = [](const Yaml& v) { return text::parse_duration(v.text); };
  const auto bytes = [](const Yaml& v) { return text::parse_size(v.text); };
  static const Shape shape{
      .name = "limits",
      .keys = {
          key<L>("timeout", duration, "of a test as a whole (10m)",
                 [=](const Yaml& v, L& l) { l.script_timeout_ns = nanoseconds(v); }),
          key<L>("case-timeout", duration, "of each command of a script, each case of a document (30s)",
                 [=](const Yaml& v, L& l) { l.case_timeout_ns = nanoseconds(v); }),
          key<L>("memory", size, "of each container (half of what is free)",
                 [=](const Yaml& v, L& l) { l.memory = bytes(v); }),
          key<L>("pids", count, "processes in each container (1024)",
                 [](const Yaml& v, L& l) { l.pids = number_of<uint64_t>(v); }),
          key<L>("cpus", processors_type, "processors of each container (no limit)",
                 [](const Yaml& v, L& l) { l.cpus = number_of<double>(v); }),
          key<L>("scratch", size, "what each container may write (4GiB)",
                 [=](const Yaml& v, L& l) { l.scratch = bytes(v); }),
          key<L>("max-output", size, "of a command, each stream (64MiB)",
                 [=](const Yaml& v, L& l) { l.max_output = bytes(v); }),
      }};
  return shape;
}

const Shape& ready_shape() {
  using R = Readiness;
  static const Shape shape{
      .name = "ready",
      .keys =
          {
              key<R>("exec", words, "a program with its arguments that succeeds inside",
                     [](const Yaml& v, R& r) {
                       r.kind = R::Kind::exec;
                       for (const Text& word : texts_of(v)) r.words.push_back(word.value);
                     }),
              key<R>("port", port, "something listens there",
                     [](const Yaml& v, R& r) {
                       r.kind = R::Kind::port;
                       r.port = number_of<uint16_t>(v);
                     }),
              key<R>("file", path, "it exists inside",
                     [](const Yaml& v, R& r) {
                       r.kind = R::Kind::file;
                       r.text = v.text;
                     }),
              key<R>("log", full_text, "a line of its output matches this regular expression",
                     [](const Yaml& v, R& r) {
                       r.kind = R::Kind::log;
                       r.text = v.text;
                     }),
              key<R>("timeout", duration, "how long that may take (1m)",
                     [](const Yaml& v, R& r) { r.timeout_ns = text::parse_duration(v.text).value_or(0); }),
          },
      .one_of = {"exec", "port", "file", "log"}};
  return shape;
}

const Shape& service_shape() {
  using S = Service;
  static const Shape shape{
      .name = "a service",
      .keys = {
          key<S>(
              "image", image, "what it runs in", [](const Yaml& v, S& s) { s.image = text_of(v); },
              /*required=*/true),
          key<S>("env", environment, "its variables", [](const Yaml& v, S& s) { s.env = environment_of(v); }),
          key<S>("command", words, "what it runs (the image's program)",
                 [](const Yaml& v, S& s) { s.command = texts_of(v); }),
          key<S>("ready", ready, "when it can be used (by the image's health check, where it has one)",
                 [](const Yaml& v, S& s) {
                   if (v.kind == Yaml::Kind::map) return take(ready_shape(), v, &s.ready);
                   s.ready.kind = v.text == "started" ? Readiness::Kind::started : Readiness::Kind::health;
                 }),
      }};
  return shape;
}

/// What a manifest and a test both may say. @param Target has `settings`
template <class Target>
std::vector<Key> settings_keys() {
  using T = Target;
  return {
      key<T>("image", image, "the image of containers that name none",
             [](const Yaml& v, T& t) { t.settings.image = text_of(v); }),
      key<T>("tree", path, "the folder that tests see as $TREE (the script's folder)",
             [](const Yaml& v, T& t) { t.settings.tree = text_of(v); }),
      key<T>("env", environment, "variables of the tests",
             [](const Yaml& v, T& t) { t.settings.env = environment_of(v); }),
      key<T>("limits", limits, "limits of time and space",
             [](const Yaml& v, T& t) { take(limits_shape(), v, &t.settings.limits); }),
      key<T>("network", network, "none: loopback alone; host: this machine's (none)",
             [](const Yaml& v, T& t) {
               t.settings.network = {v.text == "host" ? Network::host : Network::none, v.place};
             }),
      key<T>("seccomp", seccomp, "the system call filter (default)",
             [](const Yaml& v, T& t) { t.settings.seccomp = text_of(v); }),
      key<T>("ids", ids, "one: you are root inside; range: subordinate ids as well",
             [](const Yaml& v, T& t) {
               t.settings.ids = {v.text == "one" ? Ids::one : Ids::range, v.place};
             }),
      key<T>("setup", setup, "what prepares an image once, before all tests that run in it",
             [](const Yaml& v, T& t) {
               t.settings.setup = Section{};
               t.settings.setup->place = v.place;
               take(setup_shape(), v, &*t.settings.setup);
             }),
      key<T>("retries", retries, "how often a test that fails is tried again (0)",
             [](const Yaml& v, T& t) { t.settings.retries = number_of<uint32_t>(v); }),
      key<T>("format", format, "of the scripts named (by extension)",
             [](const Yaml& v, T& t) { t.settings.format = text_of(v); }),
      key<T>("dialect", dialect, "of scripts (testctr)",
             [](const Yaml& v, T& t) {
               t.settings.language = {script::language_from_string(v.text).value(), v.place};
             }),
      key<T>("conditions", conditions, "conditions of scripts beside those that there are: [NAME]",
             [](const Yaml& v, T& t) { t.settings.conditions = conditions_of(v); }),
      key<T>("commands", command_names, "programs of the image that scripts use as commands, without `exec`",
             [](const Yaml& v, T& t) { t.settings.commands = texts_of(v); }),
      key<T>("bin", bin, "programs of this machine that are on $PATH inside",
             [](const Yaml& v, T& t) { t.settings.bin = texts_of(v); }),
      key<T>("mounts", mounts, "files and folders of this machine that are visible inside",
             [](const Yaml& v, T& t) { t.settings.mounts = texts_of(v); }),
      key<T>("artifacts", artifacts, "what is brought out when a test has ended",
             [](const Yaml& v, T& t) { t.settings.artifacts = texts_of(v); }),
      key<T>("matrix", matrix, "values of the image or of variables; every test runs with each of them",
             [](const Yaml& v, T& t) { t.settings.matrix = matrix_of(v); }),
  };
}

std::vector<Key> body_keys(bool container) {
  using S = Section;
  std::vector<Key> keys = {
      key<S>("script", path, "a script or document", [](const Yaml& v, S& s) { s.script = text_of(v); }),
      key<S>("run", full_text, "the lines of a script",
             [](const Yaml& v, S& s) {
               s.run = text_of(v);
               s.run_line = v.text_line;
             }),
      key<S>("format", format, "of `script` (by extension), of `run` (script)",
             [](const Yaml& v, S& s) { s.format = text_of(v); }),
  };
  if (!container) return keys;
  keys.push_back(key<S>("image", image, "what it runs in (the test's image)",
                        [](const Yaml& v, S& s) { s.image = text_of(v); }));
  keys.push_back(key<S>("name", place_name, "of the container; sections of one name share it",
                        [](const Yaml& v, S& s) { s.name = text_of(v); }));
  return keys;
}

const Shape& host_shape() {
  static const Shape shape{
      .name = "a host section", .keys = body_keys(false), .one_of = {"script", "run"}, .needs_one = true};
  return shape;
}

const Shape& setup_shape() {
  static const Shape shape{
      .name = "a setup", .keys = body_keys(false), .one_of = {"script", "run"}, .needs_one = true};
  return shape;
}

const Shape& container_shape() {
  static const Shape shape{
      .name = "a container section", .keys = body_keys(true), .one_of = {"script", "run"}, .needs_one = true};
  return shape;
}

const Shape& section_shape() {
  using S = Section;
  static const Shape shape{.name = "a section",
                           .keys = {key<S>("host", host_section, "runs on this machine",
                                           [](const Yaml& v, S& s) {
                                             s.host = true;
                                             take(host_shape(), v, &s);
                                           }),
                                    key<S>("container", container_section, "runs in a container",
                                           [](const Yaml& v, S& s) { take(container_shape(), v, &s); })},
                           .one_of = {"host", "container"},
                           .needs_one = true};
  return shape;
}

std::vector<Section> sections_of(const Yaml& value) {
  std::vector<Section> all;
  for (const Yaml& item : value.items) {
    Section one;
    one.place = item.place;
    take(section_shape(), item, &one);
    all.push_back(std::move(one));
  }
  return all;
}

const Shape& test_shape() {
  using T = ManifestTest;
  static const Shape shape = [] {
    Shape made{.name = "a test",
               .one_of = {"script", "sections"},
               .needs_one = true,
               .needs = {{"sections", "name"}}};
    made.keys = {
        key<T>("name", test_name, "what `-t`, `needs` and reports call it (the script's path)",
               [](const Yaml& v, T& t) { t.name = text_of(v); }),
        key<T>("script", path_or_paths,
               "scripts, documents, folders, globs; each script is a test of its own",
               [](const Yaml& v, T& t) { t.scripts = texts_of(v); }),
        key<T>("sections", sections, "what runs where, in this order, as one test",
               [](const Yaml& v, T& t) { t.sections = sections_of(v); }),
        key<T>("tags", tag_or_tags, "what `--tag` selects it by",
               [](const Yaml& v, T& t) { t.tags = texts_of(v); }),
        key<T>("needs", name_or_names, "tests that must have passed before",
               [](const Yaml& v, T& t) { t.needs = texts_of(v); }),
        key<T>("skip", full_text, "a reason why it is not run, or true",
               [](const Yaml& v, T& t) {
                 if (!v.plain || v.text != "false") t.skip = text_of(v);
               }),
        key<T>("xfail", full_text, "why it is expected to fail: when it does, nothing is wrong, else it is",
               [](const Yaml& v, T& t) { t.xfail = text_of(v); }),
        key<T>("locks", tag_or_tags, "words of your own: no two tests with one of them run at the same time",
               [](const Yaml& v, T& t) { t.locks = texts_of(v); }),
        key<T>("group", tag, "one of `groups:`", [](const Yaml& v, T& t) { t.group = text_of(v); }),
        key<T>("services", own_services, "which of the manifest's services it uses (all), or further ones",
               [](const Yaml& v, T& t) {
                 if (v.kind == Yaml::Kind::list) {
                   t.used_services = texts_of(v);
                 } else {
                   t.settings.services = services_of(v);
                 }
               }),
    };
    for (Key& one : settings_keys<T>()) made.keys.push_back(std::move(one));
    return made;
  }();
  return shape;
}

std::vector<ManifestTest> tests_of(const Yaml& value) {
  std::vector<ManifestTest> all;
  for (const Yaml& item : value.items) {
    ManifestTest one;
    one.place = item.place;
    take(test_shape(), item, &one);
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

const Shape& manifest_shape() {
  using M = ManifestPart;
  static const Shape shape = [] {
    Shape made{.name = "a manifest", .extensions = true};
    made.keys = {
        key<M>(
            "version", version, "of this format, 1", [](const Yaml&, M&) {}, /*required=*/true),
        key<M>("tests", tests, "what runs", [](const Yaml& v, M& m) { m.tests = tests_of(v); }),
        key<M>("include", path_or_paths, "further manifests, whose tests run as well",
               [](const Yaml& v, M& m) { m.include = texts_of(v); }),
        key<M>("secrets", variables_list,
               "variables with this machine's value, masked wherever they are told",
               [](const Yaml& v, M& m) { m.settings.secrets = texts_of(v); }),
        key<M>("images", images, "further images that tests may start",
               [](const Yaml& v, M& m) { m.settings.images = texts_of(v); }),
        key<M>("groups", groups, "how many tests of a group run at the same time",
               [](const Yaml& v, M& m) {
                 for (const YamlPair& member : v.members)
                   m.groups[member.key.text] = number_of<uint32_t>(member.value);
               }),
        key<M>("services", services, "containers that run beside a test",
               [](const Yaml& v, M& m) { m.settings.services = services_of(v); }),
    };
    for (Key& one : settings_keys<M>()) made.keys.push_back(std::move(one));
    return made;
  }();
  return shape;
}

std::vector<const Shape*> all_shapes() {
  return {&manifest_shape(), &test_shape(),   &section_shape(), &host_shape(), &container_shape(),
          &setup_shape(),    &limits_shape(), &service_shape(), &ready_shape()};
}

void take(const Shape& shape, const Yaml& value, void* target) {
  for (const YamlPair& member : value.members) {
    for (const Key& key : shape.keys) {
      if (key.name == member.key.text) key.set(member.value, target);
    }
  }
}

}  // namespace testctr::plan
