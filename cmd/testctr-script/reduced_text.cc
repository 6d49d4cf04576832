#include "reduced_text.h"

#include <algorithm>

#include "base/text.h"
#include "plan/gather.h"
#include "script/document.h"
#include "script/txtar.h"

namespace testctr::cmd {
namespace {

void add_lines(const std::string& text, Piece::Kind kind, std::vector<Piece>& pieces) {
  for (std::string_view line : text::lines(text)) pieces.push_back({kind, std::string(line)});
}

Result<std::vector<Piece>> pieces_of_script(const plan::Job& job) {
  const auto archive = TRY(script::split_archive(
      job.name, job.source,
      job.language == script::Language::testctr ? script::Nameless::error : script::Nameless::text));
  std::vector<Piece> pieces;
  add_lines(std::string(archive.comment), Piece::Kind::line, pieces);
  size_t at = archive.comment.size();
  for (const script::Member& member : archive.members) {
    const size_t end = member.offset + member.data.size();
    pieces.push_back({Piece::Kind::unit, job.source.substr(at, end - at)});
    at = end;
  }
  return pieces;
}

/// How long the front matter is, with its two borders.
size_t front_matter(const std::string& source) {
  if (!source.starts_with("---\n")) return 0;
  const size_t end = source.find("\n---\n", 3);
  return end == std::string::npos ? 0 : end + 5;
}

Result<std::vector<Piece>> pieces_of_document(const plan::Job& job) {
  const script::Document document = TRY(script::read_document(
      plan::dialect_of(job.format), job.name, job.parts.at(job.main_part).source, job.documents.reading));
  const std::string& source = document.source;
  std::vector<Piece> pieces;
  size_t at = document.dialect == script::Dialect::markdown ? front_matter(source) : 0;
  if (at > 0) pieces.push_back({Piece::Kind::fixed, source.substr(0, at)});
  for (const script::Case& test : document.cases) {
    if (test.block.begin > at) add_lines(source.substr(at, test.block.begin - at), Piece::Kind::line, pieces);
    pieces.push_back({Piece::Kind::unit, source.substr(test.block.begin, test.block.size())});
    at = test.block.end;
  }
  add_lines(source.substr(at), Piece::Kind::line, pieces);
  return pieces;
}

}  // namespace

Result<std::vector<Piece>> pieces_of(const plan::Job& job) {
  return job.format == plan::Format::script ? pieces_of_script(job) : pieces_of_document(job);
}

std::string text_of(const std::vector<Piece>& pieces, const Kept& kept) {
  std::string text;
  for (size_t i = 0; i < pieces.size(); ++i)
    if (kept[i]) text += pieces[i].text;
  return text;
}

Status reduce(const std::vector<Piece>& pieces, Piece::Kind kind, Kept& kept, const TryAll& try_all) {
  std::vector<size_t> left;
  for (size_t i = 0; i < pieces.size(); ++i)
    if (kept[i] && pieces[i].kind == kind) left.push_back(i);
  for (size_t parts = 1; !left.empty();) {
    std::vector<Kept> candidates;
    std::vector<std::pair<size_t, size_t>> dropped;
    for (size_t part = 0; part < parts; ++part) {
      const size_t begin = left.size() * part / parts, end = left.size() * (part + 1) / parts;
      if (begin == end) continue;
      Kept candidate = kept;
      for (size_t i = begin; i < end; ++i) candidate[left[i]] = false;
      candidates.push_back(std::move(candidate));
      dropped.emplace_back(begin, end);
    }
    const size_t first = TRY(try_all(candidates));
    if (first < candidates.size()) {
      kept = candidates[first];
      left.erase(left.begin() + static_cast<ptrdiff_t>(dropped[first].first),
                 left.begin() + static_cast<ptrdiff_t>(dropped[first].second));
      parts = std::max<size_t>(parts - 1, 1);
    } else if (parts >= left.size()) {
      break;
    } else {
      parts = std::min(parts * 2, left.size());
    }
  }
  return {};
}

}  // namespace testctr::cmd
