// The help as manual pages: the same texts, as roff with the macros of man(7).
#pragma once

#include <string>

#include "commands.h"

namespace testctr::cmd {

/// The page of a command, testctr-script-image-load(1).
std::string man_of(const Command& command);
/// The page of a topic, testctr-script-TOPIC(7). @param text the topic's, whole
std::string man_of(const Topic& topic, std::string_view text);
/// The page of the program, testctr-script(1).
std::string man_of_program();
/// The name of a page without its section: "testctr-script-image-load"; of an empty name the program's.
std::string man_name(std::string_view name);

/// A topic's text as it is shown; those of `manifest` and `config` have the keys, from the
/// tables of the readers, in them.
std::string text_of(const Topic& topic);

}  // namespace testctr::cmd
