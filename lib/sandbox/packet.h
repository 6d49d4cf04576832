// Packets with descriptors over the socket by which parent and child set a container up together.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/plan.h"

namespace testctr::sandbox {

struct Packet {
  std::string text;
  std::vector<Fd> fds;
};

/// Sends one packet (SOCK_SEQPACKET) with at most `fds_per_packet` descriptors.
Status send_packet(int socket, std::string_view text, const std::vector<int>& fds = {});

/// Waits for one packet. The other side's end is an error.
Result<Packet> receive_packet(int socket);

/// How many of them make the root: layers, or the entries of the host's root that are no links.
size_t handed_layers(const Plan& plan);
/// How many mounts the parent hands in for this plan.
size_t handed_count(const Plan& plan);

}  // namespace testctr::sandbox
