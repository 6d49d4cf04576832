// `--update`: a comparison with a file of the script that does not hold is told, so that the program outside
// can write the file anew, and then counts as one that holds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"
#include "interpret/expand.h"
#include "interpret/session.h"
#include "script/script.h"

namespace testctr::interpret {

/// The longest content that is told: what stands in a script is for people.
inline constexpr size_t most_member = size_t{4} << 20;

/// How the hint of a failure begins that `--update` cannot mend.
inline const std::string not_updatable = "not updatable: ";

/// A comparison that was to succeed.
struct Compared {
  std::string first, second;  ///< as the script names them
  bool expanded = false;      ///< variables in them count as their values (`cmpenv`)
  bool equal = false;
  bool ordered = false;  ///< what is expected comes second, whatever it is compared with
};

/// The files of a script, and what its comparisons want of each.
class MemberUpdates {
 public:
  /// @param script outlives this @param work, lookup for names with variables. Two files that have one name
  /// here, and those whose name cannot be told, are left out.
  MemberUpdates(const script::Script& script, const std::string& work, const Lookup& lookup);

  /// Whether it is those of this script.
  [[nodiscard]] bool is_of(const script::Script& script) const { return script_ == &script; }
  /// Tells what the comparison wants of the file that it compares with. Of one that holds: that the file
  /// stays as it is. Errors (usage): why nothing can be written to make it hold; of one that holds: that
  /// another line wants the file otherwise.
  Status take(Session& session, const Compared& compared);

 private:
  /// One side.
  struct Side {
    const script::File* file = nullptr;  ///< none: not a file of the script
    bool as_written = false;             ///< it is what the archive says
    bool quoted = false;                 ///< it is that without its `>`
    std::string bytes;
  };
  struct Want {
    Digest content;
    uint32_t line = 0;
  };

  [[nodiscard]] Result<Side> side(Session& session, const std::string& name) const;
  void tell(Session& session, const Side& expected, bool equal, std::string_view content) const;

  const script::Script* script_;
  std::string work_;
  std::map<std::string, const script::File*> files_;  ///< by their names below $WORK
  std::map<const script::File*, Want> wants_;
};

}  // namespace testctr::interpret
