// Writes changes into the files that they belong to: `update`, `run --update`.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "revise.h"

namespace testctr::cmd {

/// What the user says of a change.
enum class Choice : uint8_t { yes, no, all, quit };

struct Writing {
  bool interactive = false;
  bool dry_run = false;
  bool says_unchanged = true;  ///< also of files that hold
  std::function<Status(const std::string& text)> say;
  int stop_fd = -1;               ///< readable when no answer is to be waited for any more: as `quit`
  std::optional<Choice> decided;  ///< what holds for all that follow, once it was said
};

/// Writes what of a revision is wanted, atomically; the file's mode and links to it stay. A file for which
/// nothing is to change is not touched. Complains about what cannot be written.
/// @return whether the file holds now. Errors: it has changed meanwhile, or it cannot be written.
Result<bool> write_revision(const RevisedFile& file, Writing& writing);

/// Whether files may be changed: not where the environment says `CI`, unless that was asked for.
/// @param what the command, for the message
Status may_update(std::string_view what, bool even_in_ci, std::string_view otherwise);

}  // namespace testctr::cmd
