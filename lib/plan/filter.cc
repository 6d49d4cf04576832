#include "plan/filter.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace testctr::plan {
namespace {

constexpr std::array<std::string_view, 5> keys = {"name", "path", "tag", "image", "format"};
const std::vector<std::string> formats = {"script", "scrut", "cram"};
constexpr int deepest = 100;

std::string_view format_name(Format format) {
  return format == Format::script ? "script" : format == Format::markdown ? "scrut" : "cram";
}

struct Token {
  enum class Kind : uint8_t { end, open, close, both, either, no, term };
  Kind kind = Kind::end;
  std::string key, text;  ///< of a term
  size_t column = 0;
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<Token> next() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    Token token;
    token.column = at_ + 1;
    if (at_ == text_.size()) return token;
    using Kind = Token::Kind;
    const char c = text_[at_];
    for (const auto& [sign, kind] : {std::pair{'(', Kind::open},
                                     {')', Kind::close},
                                     {'&', Kind::both},
                                     {'|', Kind::either},
                                     {'!', Kind::no}}) {
      if (c != sign) continue;
      // As in C, an operator may be doubled.
      at_ += (c == '&' || c == '|') && at_ + 1 < text_.size() && text_[at_ + 1] == c ? 2 : 1;
      token.kind = kind;
      return token;
    }
    return term(std::move(token));
  }

 private:
  Result<Token> term(Token token) {
    token.kind = Token::Kind::term;
    bool quoted = false;
    while (at_ < text_.size() && !is_blank(text_[at_]) && !strchr("()&|!", text_[at_])) {
      const char c = text_[at_++];
      if (c == '\'' || c == '"') {
        const size_t close = text_.find(c, at_);
        if (close == std::string_view::npos)
          return Error::usage(fmt::format("--filter: column {}: the quote is not closed", at_));
        token.text += text_.substr(at_, close - at_);
        at_ = close + 1;
        quoted = true;
      } else if (c == ':' && token.key.empty() && !quoted) {
        token.key = std::exchange(token.text, "");
        if (std::find(keys.begin(), keys.end(), token.key) == keys.end()) return unknown(token);
      } else {
        token.text += c;
      }
    }
    if (!quoted && token.key.empty()) {
      for (const auto& [word, kind] :
           {std::pair{"and", Token::Kind::both}, {"or", Token::Kind::either}, {"not", Token::Kind::no}}) {
        if (token.text == word) token.kind = kind;
      }
    }
    if (token.text.empty() && !quoted)
      return Error::usage(fmt::format("--filter: column {}: {}: has no pattern", token.column, token.key));
    return token;
  }

  static Error unknown(const Token& token) {
    const std::vector<std::string> all(keys.begin(), keys.end());
    Error error = Error::usage(fmt::format("--filter: column {}: {} is none of {}", token.column,
                                           text::quoted(token.key), text::join(all, ", ")));
    if (const auto near = text::nearest(token.key, all))
      return std::move(error).hint(fmt::format("did you mean `{}:`?", *near));
    return std::move(error).hint("a pattern that holds a colon is put in quotes");
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

class FilterParser {
 public:
  explicit FilterParser(std::string_view text) : lexer_(text) {}

  Result<Filter> parse() {
    token_ = TRY(lexer_.next());
    if (token_.kind == Token::Kind::end)
      return Error::usage("--filter: the expression is empty")
          .hint("such as 'tag:fast and not image:golang*'");
    TRY(either(0));
    if (token_.kind == Token::Kind::close)
      return Error::usage(fmt::format("--filter: column {}: nothing is open to be closed", token_.column));
    if (token_.kind != Token::Kind::end)
      return Error::usage(
          fmt::format("--filter: column {}: `and` or `or` is missing between two terms", token_.column));
    return std::move(filter_);
  }

 private:
  using Kind = Filter::Kind;

  size_t add(Filter::Node node) {
    filter_.nodes_.push_back(std::move(node));
    return filter_.nodes_.size() - 1;
  }

  Result<size_t> either(int depth) {
    size_t left = TRY(both(depth));
    while (token_.kind == Token::Kind::either) {
      token_ = TRY(lexer_.next());
      const size_t right = TRY(both(depth));
      left = add({.kind = Kind::either, .text = {}, .glob = {}, .left = left, .right = right});
    }
    return left;
  }

  Result<size_t> both(int depth) {
    size_t left = TRY(one(depth));
    while (token_.kind == Token::Kind::both) {
      token_ = TRY(lexer_.next());
      const size_t right = TRY(one(depth));
      left = add({.kind = Kind::both, .text = {}, .glob = {}, .left = left, .right = right});
    }
    return left;
  }

  Result<size_t> one(int depth) {
    if (depth > deepest)
      return Error::usage(
          fmt::format("--filter: column {}: nested more than {} deep", token_.column, deepest));
    const Token token = std::move(token_);
    switch (token.kind) {
      case Token::Kind::no: {
        token_ = TRY(lexer_.next());
        const size_t operand = TRY(one(depth + 1));
        return add({.kind = Kind::no, .text = {}, .glob = {}, .left = operand});
      }
      case Token::Kind::open: {
        token_ = TRY(lexer_.next());
        const size_t inner = TRY(either(depth + 1));
        if (token_.kind != Token::Kind::close)
          return Error::usage(
              fmt::format("--filter: the parenthesis of column {} is not closed", token.column));
        token_ = TRY(lexer_.next());
        // What stands last is the whole: a copy of what the parentheses hold would be one more.
        return inner;
      }
      case Token::Kind::term:
        token_ = TRY(lexer_.next());
        return add(TRY(node_of(token)));
      default:
        return Error::usage(
            fmt::format("--filter: column {}: a term such as tag:fast is missing", token.column));
    }
  }

  static Result<Filter::Node> node_of(const Token& token) {
    Filter::Node node;
    const auto key = std::find(keys.begin(), keys.end(), token.key);
    node.kind = key == keys.end() ? Kind::name : static_cast<Kind>(key - keys.begin());
    node.text = token.text;
    if (token.text.find_first_of("*?") != std::string::npos) {
      node.glob = TRY_IN(script::Glob::make(token.text, /*escapes=*/false),
                         fmt::format("--filter: column {}", token.column));
    } else if (node.kind == Kind::format &&
               std::find(formats.begin(), formats.end(), token.text) == formats.end()) {
      return Error::usage(fmt::format("--filter: column {}: {} is none of {}", token.column,
                                      text::quoted(token.text), text::join(formats, ", ")));
    }
    return node;
  }

  Lexer lexer_;
  Token token_;
  Filter filter_;
};

Result<Filter> Filter::parse(std::string_view expression) { return FilterParser(expression).parse(); }

bool Filter::Node::fits(std::string_view value, bool whole) const {
  if (glob) return glob->matches(value);
  return whole ? value == text : value.find(text) != std::string_view::npos;
}

bool Filter::term(const Node& node, const Job& job) const {
  switch (node.kind) {
    case Kind::name:
      return node.fits(job.name, false);
    case Kind::path:
      return node.fits(job.file, false) ||
             std::any_of(job.further.begin(), job.further.end(),
                         [&](const Step& step) { return node.fits(step.file, false); });
    case Kind::tag:
      return std::any_of(job.tags.begin(), job.tags.end(),
                         [&](const std::string& tag) { return node.fits(tag, true); });
    case Kind::image:
      return node.fits(job.image, true) ||
             std::any_of(job.containers.begin(), job.containers.end(),
                         [&](const Container& container) { return node.fits(container.image, true); });
    default:
      return node.fits(format_name(job.format), true) ||
             std::any_of(job.further.begin(), job.further.end(),
                         [&](const Step& step) { return node.fits(format_name(step.format), true); });
  }
}

bool Filter::matches(const Job& job) const {
  // Operands stand before what they belong to, so that no call is nested.
  std::vector<bool> holds(nodes_.size());
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    holds[i] = node.kind == Kind::no       ? !holds[node.left]
               : node.kind == Kind::both   ? holds[node.left] && holds[node.right]
               : node.kind == Kind::either ? holds[node.left] || holds[node.right]
                                           : term(node, job);
  }
  return !holds.empty() && holds.back();
}

}  // namespace testctr::plan
