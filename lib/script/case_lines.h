// What the lines of a case mean in both dialects.
#pragma once

#include <optional>
#include <string_view>

#include "script/defects.h"
#include "script/document.h"

namespace testctr::script {

/// Of a document that is too large to be read at all.
Status check_size(std::string_view name, std::string_view source);

/// What a ">" line adds to a command; nothing when `text` is none.
std::optional<std::string_view> continuation(std::string_view text);

/// The number in "[N]", perhaps none that a process can end with; nothing when `text` is another line.
std::optional<int> exit_code_line(std::string_view text);

/// Gives a case its exit code, or tells why not: it has one, or no process ends so.
void add_code(Case& test, const ExpectedCode& code, Defects& defects);

/// A line that stands for itself alone.
Expectation plain_expectation(std::string_view text, uint32_t line, Span span);

/// An expected line, checked.
Expectation read_expectation(std::string_view text, uint32_t line, Span span, Dialect dialect, Compat compat,
                             Defects& defects);

}  // namespace testctr::script
