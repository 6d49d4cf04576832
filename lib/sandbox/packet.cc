#include "sandbox/packet.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "sandbox/init.h"

namespace testctr::sandbox {

Status send_packet(int socket, std::string_view text, const std::vector<int>& fds) {
  iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  std::vector<char> control(fds.empty() ? 0 : CMSG_SPACE(fds.size() * sizeof(int)));
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }
  ssize_t n;
  do n = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0) return Error::system("sendmsg", "the set-up socket");
  return {};
}

Result<Packet> receive_packet(int socket) {
  Packet packet;
  std::array<char, 16384> text;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recvmsg
  iovec part{.iov_base = text.data(), .iov_len = text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(fds_per_packet * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n;
  do n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0) return Error::system("recvmsg", "the set-up socket");
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      packet.fds.emplace_back(fd);
    }
  }
  if (n == 0) return Error::infrastructure("the other side of the set-up is gone");
  packet.text.assign(text.data(), static_cast<size_t>(n));
  return packet;
}

size_t handed_layers(const Plan& plan) {
  if (plan.spec.root.kind == Root::Kind::layers) return plan.spec.root.layers.size();
  size_t count = 0;
  for (const HostEntry& entry : plan.host_entries) count += entry.kind == HostEntry::Kind::link ? 0 : 1;
  return count;
}

size_t handed_count(const Plan& plan) {
  return handed_layers(plan) + (plan.spec.program.empty() ? 0 : 1) + (plan.spec.tree.empty() ? 0 : 1) +
         plan.spec.binds.size();
}

}  // namespace testctr::sandbox
