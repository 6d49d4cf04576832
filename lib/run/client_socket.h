// Where programs inside a place speak to it as `testctr WORD...`: a socket, one request and one answer a
// connection. Who connects is a program under test, and hostile.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "interpret/children.h"
#include "interpret/request.h"

namespace testctr::run {

class ClientSocket {
 public:
  using Ask = std::function<void(Request request, std::function<void(const Reply&)> take)>;
  /// @param address a path, or "@NAME" for one without a file @param children, ask are borrowed
  static Result<std::unique_ptr<ClientSocket>> listen(const std::string& address,
                                                      interpret::Children& children, Ask ask);
  ClientSocket(const ClientSocket&) = delete;
  ClientSocket& operator=(const ClientSocket&) = delete;
  ~ClientSocket();

 private:
  struct Client {
    Fd fd;
    std::string input;
    bool asked = false;
  };
  ClientSocket(interpret::Children& children, Ask ask) : children_(children), ask_(std::move(ask)) {}
  void accept();
  void read(uint64_t number);
  void answer(uint64_t number, const Reply& reply);
  void drop(uint64_t number);

  interpret::Children& children_;
  Ask ask_;
  Fd listening_;
  std::map<uint64_t, Client> clients_;
  uint64_t next_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// The other end, a program called `testctr`: asks, prints what comes back, and ends as the command did.
/// @param words behind the program's name. @return the exit status: the command's, 1: it failed, 2: it cannot
/// be understood, 3: there is nobody to be asked
int be_client(const std::vector<std::string>& words);

}  // namespace testctr::run
