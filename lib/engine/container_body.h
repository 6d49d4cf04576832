// A container as it is wanted, in the words of an engine's API.
#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "engine/engine_info.h"
#include "engine/inner.h"
#include "run/engine.h"

namespace testctr::engine {

/// Whether several places of the test share a folder of the host as their $WORK.
bool shares_work(const run::PlaceRequest& request);
/// Whether other containers may be in the same network.
bool shares_network(const run::PlaceRequest& request);

/// Whether an engine can do what a job asks for. @param engine null: none in particular
Status check_job(const plan::Job& job, const EngineInfo& engine);

/// The body of the request that makes it. @param image its name in the engine @param network "none", "host",
/// "container:NAME"
/// Usage errors: a mount where none may be.
Result<Json> container_body(const run::PlaceRequest& request, const EngineInfo& engine,
                            const std::string& image, const std::string& network);
/// A container that does nothing but hold a network.
Json holder_body(const std::string& image, const std::string& test, const std::string& hostname);

/// What its first process is told.
Result<InnerSetup> setup_for(const run::PlaceRequest& request, const EngineInfo& engine);

}  // namespace testctr::engine
