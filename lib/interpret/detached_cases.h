// The cases that run beside the others until the document ends.
#pragma once

#include <list>
#include <string>
#include <vector>

#include "interpret/children.h"
#include "interpret/shell.h"
#include "script/document.h"

namespace testctr::interpret {

/// A detached case that runs.
struct Beside {
  const script::Document* document = nullptr;
  const script::Case* test = nullptr;
  size_t part = 0, number = 0;
  script::CaseConfig config;
  Detached process;
  uint64_t started_ns = 0;
};

/// At the document's end: takes the exit statuses of those that have ended, sends the others and all that
/// they have started their signals, and gives them a moment. What is alive then is for `Children::kill_all`.
/// @param control the directory in which they leave their status
void stop_detached(std::list<Beside>& cases, Children& children, const std::string& control);

/// The processes that neither the shell's own (@param own, the shell first) nor detached cases are, as words
/// for people; empty: none.
std::string left_behind(const std::vector<pid_t>& own, const std::list<Beside>& cases);

}  // namespace testctr::interpret
