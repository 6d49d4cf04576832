// Certificates for tests, made by the openssl program, and servers that speak TLS with them.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstdlib>
#include <filesystem>

#include "net_support.h"

namespace testctr::net::tests {

/// A folder with an authority and what it signed; made once. Names of files are those of `file`.
class Certificates {
 public:
  static const Certificates& all() {
    static const Certificates made;
    return made;
  }
  /// Why there are none; empty when there are.
  [[nodiscard]] const std::string& missing() const { return missing_; }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }
  bool shell(const std::string& command) const {
    return std::system(("cd " + folder_ + " && { " + command + "; } >>log 2>&1 </dev/null").c_str()) == 0;
  }

  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

 private:
  Certificates() {
    char name[] = "/tmp/net-tests-XXXXXX";
    if (mkdtemp(name) == nullptr) {
      missing_ = "there is no folder in /tmp";
      return;
    }
    folder_ = name;
    if (!shell("openssl version")) {
      missing_ = "there is no program openssl";
      return;
    }
    const std::string ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    const std::string names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1,DNS:server.invalid";
    bool good =
        shell("openssl req -x509 " + ec + " -keyout ca.key -out ca.pem -days 30 -subj '/CN=Test authority'");
    // name, kind of key, extension, further arguments of x509
    const auto sign = [&](const std::string& one, const std::string& key, const std::string& extension,
                          const std::string& more = "-days 30") {
      good = good && shell("openssl req " + key + " -keyout " + one + ".key -out " + one +
                           ".csr -subj /CN=localhost -addext '" + extension + "' && openssl x509 -req -in " +
                           one + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy " +
                           more + " -out " + one + ".pem");
    };
    sign("good", ec, names);
    sign("expired", ec, names, "-days -1");
    sign("other", ec, "subjectAltName=DNS:other.example,DNS:*.more.example");
    sign("nameless", ec, "keyUsage=digitalSignature");
    sign("client", ec, "extendedKeyUsage=clientAuth");
    sign("p384", "-newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes", names);
    sign("p521", "-newkey ec -pkeyopt ec_paramgen_curve:P-521 -nodes", names);
    sign("rsa", "-newkey rsa:2048 -nodes", names);
    sign("pss", "-newkey rsa-pss -pkeyopt rsa_keygen_bits:2048 -nodes", names);
    sign("ed25519", "-newkey ed25519 -nodes", names);
    good = good && shell("openssl req -x509 " + ec +
                         " -keyout self.key -out self.pem -days 30 -subj /CN=self -addext '" + names + "'");
    if (!good) missing_ = "openssl made no certificates: see " + folder_ + "/log";
  }
  ~Certificates() {
    std::error_code ignored;
    if (missing_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

  std::string folder_, missing_;
};

/// True, with a word about it, where there are no certificates.
inline bool no_certificates() {
  const std::string& why = Certificates::all().missing();
  if (why.empty()) return false;
  MESSAGE("skipped, because " << why);
  return true;
}

inline Tls trusting_file(const std::string& path) {
  Tls trust;
  trust.ca_files = {path};
  return trust;
}
inline Tls trusting(const std::string& name) { return trusting_file(Certificates::all().file(name)); }

/// Speaks TLS with a client that has come to a Server, with blocking calls.
class TlsPeer {
 public:
  /// @param with the name of a certificate
  TlsPeer(Peer& peer, const std::string& with, const std::string& client_authority = "")
      : context_(nullptr, SSL_CTX_free) {
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    context_.reset(SSL_CTX_new(TLS_server_method()));
    const Certificates& files = Certificates::all();
    SSL_CTX_use_certificate_chain_file(context_.get(), files.file(with + ".pem").c_str());
    SSL_CTX_use_PrivateKey_file(context_.get(), files.file(with + ".key").c_str(), SSL_FILETYPE_PEM);
    if (!client_authority.empty()) {
      SSL_CTX_load_verify_locations(context_.get(), files.file(client_authority).c_str(), nullptr);
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), peer.fd());
    accepted_ = SSL_accept(ssl_.get()) == 1;
    ERR_clear_error();
  }
  [[nodiscard]] bool accepted() const { return accepted_; }
  [[nodiscard]] std::string server_name() const {
    const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "" : name;
  }
  std::string header() {
    std::string all;
    while (accepted_ && all.find("\r\n\r\n") == std::string::npos) {
      char byte = 0;
      if (SSL_read(ssl_.get(), &byte, 1) != 1) return "";
      all += byte;
    }
    return all;
  }
  bool say(std::string_view text) {
    return accepted_ && SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) > 0;
  }
  /// Hands on what comes, to and from another socket, until one of them ends.
  void carry(int outer, int inner) {
    char buffer[16384];
    for (;;) {
      pollfd polled[] = {{.fd = outer, .events = POLLIN, .revents = 0},
                         {.fd = inner, .events = POLLIN, .revents = 0}};
      if (SSL_pending(ssl_.get()) == 0 && poll(polled, 2, -1) < 0) return;
      if (SSL_pending(ssl_.get()) > 0 || polled[0].revents != 0) {
        const int n = SSL_read(ssl_.get(), buffer, sizeof buffer);
        if (n <= 0 || send(inner, buffer, static_cast<size_t>(n), MSG_NOSIGNAL) != n) return;
      }
      if (polled[1].revents != 0) {
        const ssize_t n = recv(inner, buffer, sizeof buffer, 0);
        if (n <= 0 || !say({buffer, static_cast<size_t>(n)})) return;
      }
    }
  }
  void farewell() { SSL_shutdown(ssl_.get()); }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  bool accepted_ = false;
};

}  // namespace testctr::net::tests
