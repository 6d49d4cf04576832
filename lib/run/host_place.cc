#include "run/host_place.h"

#include "run/channel_place.h"
#include "run/resident.h"

namespace testctr::run {
namespace {

class HostPlace : public ChannelPlace {
 public:
  HostPlace(Conversation conversation, Guardian& guardian)
      : ChannelPlace(std::move(conversation), guardian.channel()), guardian_(guardian) {}
  [[nodiscard]] Error ended_early() const override {
    return Error::infrastructure(
               "the process that carries out the lines of the host ended before the script did")
        .hint("it was killed from outside, or had no memory left");
  }
  void watch() override {}
  void kill() override { guardian_.kill(); }
  PlaceEnding finish() override {
    PlaceEnding result;  // the guardian's end waits for it
    result.lost = lost();
    return result;
  }

 private:
  Guardian& guardian_;
};

}  // namespace

HostBody host_body() {
  return [](int channel, const std::string&) { return reside(channel, Surroundings{}); };
}

Result<std::unique_ptr<Place>> start_host_place(Guardian& guardian, const Assignment& assignment) {
  auto place = std::make_unique<HostPlace>(TRY(Conversation::begin(assignment)), guardian);
  CHECK_OK(place->send_some());
  return std::unique_ptr<Place>(std::move(place));
}

}  // namespace testctr::run
