// The events that tell how a case of a document went, and the mistakes of its configuration that only its
// place can show.
#pragma once

#include <string>

#include "interpret/event.h"
#include "interpret/session.h"
#include "script/compare.h"
#include "script/document.h"

namespace testctr::interpret {

/// A failure, with what the filter has refused as its hint. @param file empty: the document itself
/// @param shown the stream that its difference shows, so that reports need not show it again
Event failure_event(Session& session, std::string file, uint32_t line, Failure failure, std::string shown);

/// The end of a case. @param started monotonic; 0: it was not run
Event end_event(std::string file, const script::Case& test, Outcome outcome, std::string reason,
                std::optional<int> code, uint64_t started);

/// Which output a failure shows itself; empty: none.
std::string shown_stream(const script::CaseConfig& config, const Failure& failure);

/// Variables as an event carries them.
std::string joined(const script::Variables& variables);

/// The path of a file for `stdin:`; a relative one lies in the test tree.
std::string input_path(const script::Input& input, const Session& session);

/// What is wrong with a name in `environment:`, or a file for `stdin:`, or nothing.
std::string unusable_name(const script::CaseConfig& config);
std::string unusable_input(const script::CaseConfig& config, const Session& session);

}  // namespace testctr::interpret
