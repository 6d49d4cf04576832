#include "engine/api_engines.h"

namespace testctr::engine {

Result<std::unique_ptr<run::Engine>> open_docker() { return Error::infrastructure("no Docker found here"); }
Result<std::unique_ptr<run::Engine>> open_podman() { return Error::infrastructure("no Podman found here"); }

}  // namespace testctr::engine
