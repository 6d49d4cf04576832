// Finds the marker lines of a txtar archive.
#include "script/txtar.h"

#include "base/text.h"

namespace testctr::script {
namespace {

constexpr std::string_view marker_start = "-- ";
constexpr std::string_view marker_end = " --";

/// "-- --", in which both ends share the blank.
bool is_shortest_marker(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line.size() < marker_start.size() + marker_end.size();
}

}  // namespace

std::optional<std::string_view> marker_name(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!line.starts_with(marker_start) || !line.ends_with(marker_end)) return std::nullopt;
  if (is_shortest_marker(line)) return std::string_view{};
  line.remove_prefix(marker_start.size());
  line.remove_suffix(marker_end.size());
  return text::trim(line);
}

Result<Archive> split_archive(std::string_view name, std::string_view source, Nameless nameless) {
  Archive archive;
  uint32_t number = 0;
  size_t begin = 0;  // of the part that is being read
  auto end_part = [&](size_t end) {
    std::string_view data = source.substr(begin, end - begin);
    if (archive.members.empty()) {
      archive.comment = data;
    } else {
      archive.members.back().data = data;
    }
  };
  for (size_t at = 0; at < source.size();) {
    size_t end = source.find('\n', at);
    size_t next = end == std::string_view::npos ? source.size() : end + 1;
    ++number;
    std::string_view line = source.substr(at, (end == std::string_view::npos ? source.size() : end) - at);
    // Most lines are none: look at their first byte before anything else.
    if (auto marker = line.starts_with('-') ? marker_name(line) : std::nullopt) {
      if (marker->empty() && nameless == Nameless::text && !is_shortest_marker(line)) {
        at = next;
        continue;
      }
      if (marker->empty()) {
        return Error::usage(fmt::format("{}:{}:1: a file marker without a name", name, number))
            .hint("write the file's name between the dashes: -- NAME --");
      }
      end_part(at);
      archive.members.push_back({*marker, number, next, {}});
      begin = next;
    }
    at = next;
  }
  end_part(source.size());
  return archive;
}

}  // namespace testctr::script
