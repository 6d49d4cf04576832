#include "typed_shell.h"

#include <algorithm>

#include "base/text.h"

namespace testctr::cmd {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Goes through a command once, and knows at its end what is still open.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool unfinished() {
    while (!wrong_ && !open_text_ && at_ < text_.size()) step();
    if (wrong_) return false;
    if (open_text_) return true;
    end_word();
    return !wrong_ && (!open_.empty() || !documents_.empty() || operator_);
  }

 private:
  struct HereDocument {
    std::string end;
    bool tabs;
  };

  void step() {
    const char c = text_[at_];
    if (is_blank(c)) {
      end_word();
      ++at_;
    } else if (c == '\n') {
      end_word();
      begins_ = true;
      ++at_;
      if (!documents_.empty()) pass_documents();
    } else if (c == '#' && word_.empty() && !quoted_) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (std::string_view(";&|()").find(c) != std::string_view::npos) {
      take_operator(c);
    } else if (c == '<' || c == '>') {
      take_redirection();
    } else {
      operator_ = false;
      take_part(c);
    }
  }

  /// A part of a word.
  void take_part(char c) {
    if (c == '\\') {
      // With nothing behind it the next line goes on here.
      if (at_ + 1 == text_.size()) {
        open_text_ = true;
      } else if (text_[at_ + 1] != '\n') {
        quoted_ = true;
      }
      at_ += 2;
    } else if (c == '\'') {
      quoted_ = true;
      pass("'", /*escapes=*/false);
    } else if (c == '"' || c == '`') {
      quoted_ = true;
      pass(std::string_view(&c, 1), /*escapes=*/true);
    } else if (c == '$' && at_ + 1 < text_.size() && text_[at_ + 1] == '(') {
      quoted_ = true;
      ++at_;
      pass_nested('(', ')');
    } else if (c == '$' && at_ + 1 < text_.size() && text_[at_ + 1] == '{') {
      quoted_ = true;
      ++at_;
      pass_nested('{', '}');
    } else {
      word_ += c;
      ++at_;
    }
  }

  /// From an opening quote behind its end.
  void pass(std::string_view end, bool escapes) {
    for (++at_; at_ < text_.size() && text_[at_] != end.front(); ++at_) {
      if (escapes && text_[at_] == '\\') {
        ++at_;
      } else if (escapes && end == "\"" && text_[at_] == '$' && at_ + 1 < text_.size() &&
                 text_[at_ + 1] == '(') {
        ++at_;
        pass_nested('(', ')');
        if (open_text_) return;
        --at_;
      }
    }
    open_text_ = at_ >= text_.size();
    ++at_;
  }

  /// What stands in brackets is not looked into further than to find its end.
  void pass_nested(char opens, char closes) {
    for (size_t depth = 0; at_ < text_.size();) {
      const char c = text_[at_];
      if (c == '\'') {
        pass("'", false);
        if (open_text_) return;
        continue;
      }
      if (c == '"') {
        pass("\"", true);
        if (open_text_) return;
        continue;
      }
      ++at_;
      if (c == '\\') ++at_;
      if (c == opens) ++depth;
      if (c == closes && --depth == 0) return;
    }
    open_text_ = true;
  }

  void take_operator(char c) {
    end_word();
    begins_ = true;
    ++at_;
    operator_ = c == '|' || (c == '&' && at_ < text_.size() && text_[at_] == '&');
    if (operator_ && at_ < text_.size() && text_[at_] == c) ++at_;
    if (c == '(') open_.emplace_back(")");
    if (c != ')') return;
    if (!open_.empty() && open_.back() == ")") {
      open_.pop_back();
    } else {
      // That of a pattern of `case`.
      wrong_ = open_.empty() || open_.back() != "esac";
    }
  }

  void take_redirection() {
    const bool document = text_.substr(at_).starts_with("<<") && !text_.substr(at_).starts_with("<<<");
    // Digits before it are a descriptor.
    if (word_.find_first_not_of("0123456789") == std::string::npos) word_.clear();
    end_word();
    const bool began = std::exchange(begins_, false);
    operator_ = false;
    if (!document) {
      at_ = std::min(text_.find_first_not_of("<>&|", at_), text_.size());
      while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
      begins_ = began;
      redirected_ = began;
      return;
    }
    at_ += 2;
    HereDocument one{"", at_ < text_.size() && text_[at_] == '-'};
    if (one.tabs) ++at_;
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    for (; at_ < text_.size() && std::string_view(" \t\n;&|()<>").find(text_[at_]) == std::string_view::npos;
         ++at_)
      if (std::string_view("'\"\\").find(text_[at_]) == std::string_view::npos) one.end += text_[at_];
    wrong_ = one.end.empty();
    documents_.push_back(std::move(one));
    begins_ = began;
  }

  void pass_documents() {
    while (!documents_.empty() && at_ < text_.size()) {
      const size_t end = std::min(text_.find('\n', at_), text_.size());
      std::string_view line = text_.substr(at_, end - at_);
      if (documents_.front().tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
      if (line == documents_.front().end) documents_.erase(documents_.begin());
      at_ = std::min(end + 1, text_.size());
    }
  }

  void end_word() {
    const std::string word = std::exchange(word_, "");
    const bool quoted = std::exchange(quoted_, false);
    if (word.empty() && !quoted) return;
    if (std::exchange(redirected_, false)) return;
    const bool begins = std::exchange(begins_, false);
    if (quoted) return;
    if (names_ > 0 && --names_ == 0) begins_ = true;  // behind `function NAME`, `case WORD in`
    if (begins) take_reserved(word);
  }

  void take_reserved(const std::string& word) {
    std::string_view end;
    if (word == "if") {
      end = "fi";
    } else if (word == "case") {
      end = "esac";
    } else if (word == "{") {
      end = "}";
    } else if (is_among(word, " while until for select ")) {
      end = "done";
    }
    if (!end.empty()) {
      open_.emplace_back(end);
      begins_ = is_among(word, " if while until { ");
      if (word == "case") names_ = 2;
      return;
    }
    if (word == "function") names_ = 1;
    begins_ = is_among(word, " then else elif do ! time ");
    if (!is_among(word, " fi done esac } ")) return;
    wrong_ = open_.empty() || open_.back() != word;
    if (!wrong_) open_.pop_back();
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string word_;         ///< what of it is not quoted
  bool quoted_ = false;      ///< some of it is
  bool begins_ = true;       ///< a command may begin here
  bool redirected_ = false;  ///< the next word is a file's name
  bool operator_ = false;    ///< `|`, `||` or `&&` came last
  bool open_text_ = false;   ///< a quote or bracket has no end
  bool wrong_ = false;
  size_t names_ = 0;  ///< words until a command may begin again
  std::vector<std::string> open_;
  std::vector<HereDocument> documents_;
};

// Of a shell itself: nothing a script would know.
constexpr std::string_view shells_own =
    " RANDOM SECONDS LINENO UID EUID PPID BASHPID OLDPWD IFS OPTIND HOSTNAME EPOCHSECONDS EPOCHREALTIME "
    "SHLVL ";

/// Takes one word after the other.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  std::optional<std::vector<std::string>> all() {
    std::vector<std::string> words;
    for (;;) {
      while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
      if (at_ == text_.size()) return words;
      begun_ = at_;
      made_.clear();
      literal_.clear();
      bool quoted = false;
      while (at_ < text_.size() && !is_blank(text_[at_])) {
        quoted = quoted || text_[at_] == '\'' || text_[at_] == '"';
        if (!take()) return std::nullopt;
      }
      flush();
      words.push_back(made_.empty() && quoted ? "''" : made_);
    }
  }

 private:
  bool take() {
    const char c = text_[at_];
    if (c == '\'') {
      const size_t end = text_.find('\'', at_ + 1);
      if (end == std::string_view::npos) return false;
      literal_ += text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
      return true;
    }
    if (c == '"') return take_double();
    if (c == '$') return take_variable();
    if (c == '\\') {
      if (at_ + 1 == text_.size()) return false;
      literal_ += text_[at_ + 1];
      at_ += 2;
      return true;
    }
    const bool first = at_ == begun_;
    if (c == '~' && (first || text_[at_ - 1] == '=' || text_[at_ - 1] == ':')) {
      const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '/';
      if (next != '/' && next != ':' && !is_blank(next)) return false;
      put_variable("HOME");
      ++at_;
      return true;
    }
    if (std::string_view("`;&|<>(){}*?[]\n").find(c) != std::string_view::npos) return false;
    if (first && (c == '#' || c == '!')) return false;
    literal_ += c;
    ++at_;
    return true;
  }

  bool take_double() {
    for (++at_; at_ < text_.size() && text_[at_] != '"';) {
      const char c = text_[at_];
      if (c == '`') return false;
      if (c == '$') {
        if (!take_variable()) return false;
        continue;
      }
      if (c == '\\' && at_ + 1 < text_.size() &&
          std::string_view("\"\\$`").find(text_[at_ + 1]) != std::string_view::npos)
        ++at_;
      literal_ += text_[at_++];
    }
    return at_++ < text_.size();
  }

  bool take_variable() {
    const bool braces = at_ + 1 < text_.size() && text_[at_ + 1] == '{';
    const size_t from = at_ + (braces ? 2 : 1);
    size_t end = from;
    while (end < text_.size() && is_variable_name(text_.substr(from, end + 1 - from))) ++end;
    const std::string_view name = text_.substr(from, end - from);
    if (name.empty() || (braces && (end == text_.size() || text_[end] != '}'))) return false;
    if (is_among(name, shells_own)) return false;
    put_variable(name);
    at_ = end + (braces ? 1 : 0);
    return true;
  }

  void put_variable(std::string_view name) {
    flush();
    made_ += fmt::format("${{{}}}", name);
  }

  void flush() {
    if (literal_.empty()) return;
    // What stands before an assignment's value stays as it is, to be read.
    const size_t equals = made_.empty() ? literal_.find('=') : std::string::npos;
    if (equals != std::string::npos && is_variable_name(std::string_view(literal_).substr(0, equals))) {
      made_ += literal_.substr(0, equals + 1);
      literal_.erase(0, equals + 1);
    }
    if (!literal_.empty()) made_ += quoted_for_script(literal_);
    literal_.clear();
  }

  std::string_view text_;
  size_t at_ = 0, begun_ = 0;
  std::string made_, literal_;
};

}  // namespace

bool is_unfinished(std::string_view typed) { return Scanner(typed).unfinished(); }

std::optional<std::vector<std::string>> words_for_script(std::string_view typed) {
  return Words(typed).all();
}

std::string quoted_for_script(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-+=./:,@%").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

bool is_among(std::string_view word, std::string_view list) {
  for (size_t at = 0; (at = list.find(word, at)) != std::string_view::npos; ++at)
    if (!word.empty() && list[at - 1] == ' ' && list[at + word.size()] == ' ') return true;
  return false;
}

bool is_variable_name(std::string_view name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && fits(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return fits(c) || (c >= '0' && c <= '9'); });
}

}  // namespace testctr::cmd
