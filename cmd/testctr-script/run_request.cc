#include "run_request.h"

#include <charconv>
#include <cstdlib>

#include "base/text.h"

namespace testctr::cmd {
namespace {

template <class T>
void set_if(T& target, const std::optional<T>& value) {
  if (value) target = *value;
}

Result<std::optional<double>> cpus(const Arguments& arguments) {
  const std::optional<std::string> word = arguments.value("--cpus");
  if (!word) return std::optional<double>();
  double parsed = 0;
  const auto [end, problem] =
      std::from_chars(word->data(), word->data() + word->size(), parsed, std::chars_format::fixed);
  if (problem != std::errc() || end != word->data() + word->size() || !(parsed >= 0.01) ||
      !(parsed <= 10'000)) {
    return Error::usage(fmt::format("--cpus: {} is not a number of processors", text::quoted(*word)))
        .hint("for example 2 or 0.5");
  }
  return std::optional<double>(parsed);
}

Result<plan::LimitSettings> limits(const Arguments& arguments) {
  plan::LimitSettings out;
  out.script_timeout_ns = TRY(arguments.duration("--timeout"));
  out.case_timeout_ns = TRY(arguments.duration("--case-timeout"));
  out.max_output = TRY(arguments.size("--max-output"));
  out.memory = TRY(arguments.size("--memory"));
  out.pids = TRY(arguments.number("--pids", 1, 4'194'304));
  out.scratch = TRY(arguments.size("--scratch"));
  out.cpus = TRY(cpus(arguments));
  return out;
}

Result<plan::DocumentOptions> documents(const Arguments& arguments) {
  plan::DocumentOptions out;
  static const std::vector<std::string> tools{"scrut", "cram"};
  const std::optional<std::string> tool = TRY(arguments.choice("--compat", tools));
  if (tool) out.reading.compat = *tool == "scrut" ? script::Compat::scrut : script::Compat::cram;
  if (const auto indent = TRY(arguments.number("--indent", 1, 64))) out.reading.indent = *indent;
  out.shell = arguments.value("--shell").value_or("");
  out.work_directory = arguments.value("--work-directory").value_or("");
  out.prepend = arguments.values("--prepend");
  out.append = arguments.values("--append");
  if (arguments.flag("--combine-output")) out.overrides.stream = script::Stream::combined;
  if (arguments.flag("--keep-output-crlf")) out.overrides.keep_crlf = true;
  return out;
}

}  // namespace

Status set_scripts(const Arguments& arguments, plan::RunRequest& request) {
  if (const auto dialect = arguments.value("--dialect"))
    request.language = TRY_IN(script::language_from_string(*dialect), "--dialect");
  plan::ScriptOptions& out = request.scripts;
  out.commands = arguments.values("--command");
  for (const std::string& name : out.commands) {
    if (name.empty() || name.find_first_of(" \t\n/") != std::string::npos)
      return Error::usage(fmt::format("--command: {} is no name of a program", text::quoted(name)));
  }
  for (const std::string& word : arguments.values("--cond")) {
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "true" : word.substr(equals + 1);
    if (name.empty() || name.find_first_of(" \t[]!:#'") != std::string::npos ||
        (value != "true" && value != "false")) {
      return Error::usage(fmt::format("--cond: {} is not NAME=true or NAME=false", text::quoted(word)));
    }
    out.conditions[name] = value == "true";
  }
  return {};
}

Result<plan::RunRequest> request_of(const Arguments& given) {
  const Arguments arguments = given.with(place_options);
  plan::RunRequest request;
  request.here = TRY(engine_of(arguments)) == engine::Kind::here;
  request.words = arguments.positionals();
  request.format = arguments.value("--format");
  request.tree = arguments.value("--tree");
  request.layer = arguments.value("--layer");
  request.env = arguments.values("--env");
  request.pass_env = arguments.values("--pass-env");
  request.secrets = arguments.values("--secret");
  request.programs = arguments.values("--bin");
  request.mounts = arguments.values("--mount");
  request.artifacts = arguments.values("--artifacts");
  request.seccomp = arguments.value("--seccomp").value_or("default");
  request.given.limits = TRY(limits(arguments));
  request.given.limits.apply(request.limits);
  request.given.seccomp = arguments.value("--seccomp").has_value();
  static const std::vector<std::string> id_modes{"one", "range"}, networks{"none", "host"};
  const std::optional<std::string> ids = TRY(arguments.choice("--ids", id_modes));
  request.given.ids = ids.has_value();
  if (ids) request.ids = *ids == "one" ? plan::Ids::one : plan::Ids::range;
  const std::optional<std::string> network = TRY(arguments.choice("--network", networks));
  request.given.network = network.has_value();
  if (network) request.network = *network == "host" ? plan::Network::host : plan::Network::none;
  const std::optional<uint64_t> jobs = TRY(arguments.number("--jobs", 1, 4096));
  if (jobs) request.parallel = static_cast<unsigned>(*jobs);
  set_if(request.timeout_ns, TRY(arguments.duration("--run-timeout")));
  request.documents = TRY(documents(arguments));
  CHECK_OK(set_scripts(arguments, request));
  request.scripts.short_run = arguments.flag("--short");
  request.scripts.strict_env = arguments.flag("--strict-env");
  return request;
}

void add_manifest(const Arguments& arguments, plan::RunRequest& request) {
  request.manifest = arguments.value("--manifest");
  request.names = arguments.values("--test");
  request.tags = arguments.values("--tag");
}

Result<engine::Kind> engine_of(const Arguments& arguments) {
  static const std::vector<std::string> names{"auto", "native", "docker", "podman", "chroot", "here"};
  const std::optional<std::string> name = TRY(arguments.choice("--engine", names));
  return engine::kind_from_string(name.value_or("auto")).value_or(engine::Kind::automatic);
}

bool is_ci() {
  const char* value = std::getenv("CI");
  if (value == nullptr) return false;
  const std::string_view said(value);
  return !said.empty() && said != "0" && said != "false";
}

}  // namespace testctr::cmd
