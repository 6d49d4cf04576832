// Lines that are typed for a shell, as far as `record` has to understand them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace testctr::cmd {

/// Whether a command goes on in the next line: a quote, a here-document, a compound command that is open, a
/// line that ends with a backslash or an operator. In doubt it does not: a shell says better what is wrong.
bool is_unfinished(std::string_view typed);

/// The words of a simple command in the language of scripts, which has single quotes and variables. Nothing:
/// a shell does more with it.
std::optional<std::vector<std::string>> words_for_script(std::string_view typed);

/// Words that mean themselves in a script, and others in single quotes.
std::string quoted_for_script(std::string_view text);

bool is_variable_name(std::string_view name);

/// Whether a word without blanks is one of a list, which begins and ends with a blank.
bool is_among(std::string_view word, std::string_view list);

}  // namespace testctr::cmd
