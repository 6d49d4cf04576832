// A Plan written down and read back, for a bundle: CBOR with byte strings, versioned. What of this machine a
// job holds - the paths of tree, programs, mounts, filter - is written as it stands there: who packs puts
// names of the bundle in their place first.
#pragma once

#include "base/json.h"
#include "plan/plan.h"

namespace testctr::plan {

/// The version that is written.
inline constexpr int wire_version = 1;
/// The newest that is read. It is the same, of a bundle whose images must not be taken by their names alone
/// (`bundle::NamedDigest::setup`).
inline constexpr int newest_wire_version = 2;

/// Jobs with all that they are, but for errors; and what holds for the plan as a whole. The same plan gives
/// the same bytes.
Json to_wire(const Plan& plan);

Json to_wire(const ScriptOptions& options);
/// The reverse. Errors: not such a value.
Result<ScriptOptions> script_options_from_wire(const Json& wire);

/// The reverse, for hostile input. Errors: not such a value; infrastructure errors (with what mends it) of a
/// version that this program does not know.
Result<Plan> plan_from_wire(const Json& wire);

}  // namespace testctr::plan
