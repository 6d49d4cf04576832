#include "run/inside.h"

#include "run/resident.h"

namespace testctr::run {

int carry_out_inside(sandbox::Inside& inside) {
  Surroundings surroundings;
  surroundings.home = inside.home();
  surroundings.notes = inside.notes();
  surroundings.at_line = [&inside](uint32_t line) { inside.set_label(line); };
  surroundings.take_denials = [&inside] {
    std::vector<Denial> denials;
    for (auto& refusal : inside.take_refusals()) {
      denials.push_back(
          {refusal.label, std::move(refusal.program), std::move(refusal.syscall), refusal.count});
    }
    return denials;
  };
  return reside(inside.channel(), surroundings);
}

}  // namespace testctr::run
