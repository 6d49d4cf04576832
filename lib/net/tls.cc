#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <ctime>

#include "base/text.h"
#include "net/resolver.h"

namespace testctr::net {
namespace {

/// What the library found wrong with a certificate, kept while it is there to be looked at.
struct Complaint {
  int code = X509_V_OK;
  std::string issuer, names, begins, ends;
};

std::string name_text(const X509_NAME* name) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return text::printable(std::string_view(bytes, static_cast<size_t>(std::min(size, 300L))));
}

std::string time_text(const ASN1_TIME* time) {
  tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown time";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min);
}

/// The hosts that a certificate is for: "a.example, 192.0.2.1", at most a few of them.
std::string host_names(X509* certificate) {
  auto* names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string list;
  int shown = 0;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    std::string text;
    if (name->type == GEN_DNS) {
      text.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                  static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      const int size = ASN1_STRING_length(name->d.iPAddress);
      char buffer[INET6_ADDRSTRLEN] = "";
      if (size == 4 || size == 16)
        inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), buffer,
                  sizeof buffer);
      text = buffer;
    }
    if (text.empty()) continue;
    if (++shown > 5) {
      list += ", ...";
      break;
    }
    list += (list.empty() ? "" : ", ") + text::printable(text.substr(0, 100));
  }
  GENERAL_NAMES_free(names);
  return list;
}

/// The error of a certificate that is not trusted.
Error certificate_error(const Complaint& about, const std::string& host, const std::string& authority,
                        TlsContexts& contexts) {
  const std::string what = fmt::format("the certificate of {} is not trusted: ", host);
  const auto error = [&](const std::string& why) { return failure(EPROTO, what + why); };
  switch (about.code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return error("it, or one that it depends on, has expired on " + about.ends)
          .hint("if that time is still to come, this machine's clock is wrong");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return error("it, or one that it depends on, begins only on " + about.begins)
          .hint("if that time has passed, this machine's clock is wrong");
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return error(about.names.empty() ? "it names no host at all (subjectAltName)"
                                       : "it is for another host: " + about.names);
    default:
      break;
  }
  std::string why = X509_verify_cert_error_string(about.code);
  if (about.code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT) {
    why = "it is signed by itself";
  } else if (about.code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
             about.code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
             about.code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
             about.code == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE) {
    why = fmt::format("it is signed by an unknown authority ({})", about.issuer);
  } else {
    return error(why);
  }
  const std::string list = contexts.system_list();
  return error(why).hint(fmt::format(
      "to trust it, put the authority's certificate (PEM) into /etc/containers/certs.d/{}/ca.crt, or {}",
      authority,
      list.empty() ? "name a list of authorities in SSL_CERT_FILE: this machine has none where they are kept"
                   : "add it to the system's list, " + list));
}

int complaint_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int look_at(int good, X509_STORE_CTX* chain) {
  if (good == 1) return 1;
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* complaint = static_cast<Complaint*>(SSL_get_ex_data(ssl, complaint_index()));
  complaint->code = X509_STORE_CTX_get_error(chain);
  X509* at = X509_STORE_CTX_get_current_cert(chain);
  if (at == nullptr) return 0;
  complaint->issuer = name_text(X509_get_issuer_name(at));
  complaint->begins = time_text(X509_get0_notBefore(at));
  complaint->ends = time_text(X509_get0_notAfter(at));
  complaint->names = host_names(at);
  return 0;
}

/// The library's way to the stream below: a BIO whose data is a TlsStream.
class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Stream> lower, std::shared_ptr<SSL_CTX> context)
      : lower_(std::move(lower)), context_(std::move(context)), ssl_(SSL_new(context_.get()), SSL_free) {}
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  ~TlsStream() override {
    // Said once, and not waited for.
    if (shaken_ && !broken_) {
      SSL_shutdown(ssl_.get());
      ERR_clear_error();
    }
  }

  Status shake_hands(const Tls& trust, const std::string& host, Patience& patience);
  [[nodiscard]] const Complaint& complaint() const { return complaint_; }

  Result<std::optional<size_t>> read(char* buffer, size_t size) override {
    size_t used = 0;
    while (used < size) {
      size_t n = 0;
      ERR_clear_error();
      const int code = SSL_read_ex(ssl_.get(), buffer + used, size - used, &n);
      if (code == 1) {
        used += n;
        continue;
      }
      if (used > 0) break;  // whatever it is comes again, with the next call
      auto step = stopped(code);
      if (!step.ok()) return std::move(step).error();
      if (step.value()) return std::optional<size_t>(0);
      return std::optional<size_t>();
    }
    return std::optional<size_t>(used);
  }

  Result<std::optional<size_t>> write(const char* bytes, size_t size) override {
    size_t n = 0;
    ERR_clear_error();
    const int code = SSL_write_ex(ssl_.get(), bytes, size, &n);
    if (code == 1) return std::optional<size_t>(n);
    if (TRY(stopped(code))) return failure(EPIPE, "the server has ended the connection");
    return std::optional<size_t>();
  }

  [[nodiscard]] short wants() const override { return lower_->wants(); }
  [[nodiscard]] int fd() const override { return lower_->fd(); }

  // The BIO's functions.
  int pull(char* buffer, size_t size, size_t* done) { return moved(lower_->read(buffer, size), done, true); }
  int push(const char* bytes, size_t size, size_t* done) {
    return moved(lower_->write(bytes, size), done, false);
  }
  [[nodiscard]] bool at_end() const { return end_; }

 private:
  int moved(Result<std::optional<size_t>> step, size_t* done, bool reading) {
    BIO_clear_retry_flags(bio_);
    *done = 0;
    if (!step.ok()) {
      lower_error_ = std::move(step).error();
      return 0;
    }
    if (!step.value()) {
      if (reading) {
        BIO_set_retry_read(bio_);
      } else {
        BIO_set_retry_write(bio_);
      }
      return 0;
    }
    *done = *step.value();
    if (reading && *done == 0) end_ = true;
    return *done > 0 ? 1 : 0;
  }

  /// What a call that did not succeed means. @return false: wait; true: the peer has ended in order.
  Result<bool> stopped(int code);

  std::unique_ptr<Stream> lower_;
  std::shared_ptr<SSL_CTX> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  BIO* bio_ = nullptr;  // ssl_'s
  std::optional<Error> lower_error_;
  bool end_ = false, shaken_ = false, broken_ = false;
  Complaint complaint_;
};

BIO_METHOD* bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "a stream");
    BIO_meth_set_read_ex(made, [](BIO* bio, char* buffer, size_t size, size_t* done) {
      return static_cast<TlsStream*>(BIO_get_data(bio))->pull(buffer, size, done);
    });
    BIO_meth_set_write_ex(made, [](BIO* bio, const char* bytes, size_t size, size_t* done) {
      return static_cast<TlsStream*>(BIO_get_data(bio))->push(bytes, size, done);
    });
    BIO_meth_set_ctrl(made, [](BIO* bio, int command, long, void*) -> long {
      if (command == BIO_CTRL_FLUSH) return 1;
      if (command == BIO_CTRL_EOF) return static_cast<TlsStream*>(BIO_get_data(bio))->at_end() ? 1 : 0;
      return 0;
    });
    return made;
  }();
  return method;
}

Result<bool> TlsStream::stopped(int code) {
  const int kind = SSL_get_error(ssl_.get(), code);
  if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) return false;
  if (kind == SSL_ERROR_ZERO_RETURN) return true;
  broken_ = true;
  if (lower_error_) {
    ERR_clear_error();
    return *lower_error_;
  }
  const unsigned long error = ERR_peek_last_error();
  const bool ours = ERR_GET_LIB(error) == ERR_LIB_SSL;
  const int reason = ERR_GET_REASON(error);
  if (end_ || kind == SSL_ERROR_SYSCALL || (ours && reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
    ERR_clear_error();
    return failure(ECONNRESET, "the connection ended without TLS's farewell");
  }
  if (ours && !shaken_ &&
      (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
       reason == SSL_R_PACKET_LENGTH_TOO_LONG)) {
    ERR_clear_error();
    return failure(EPROTO, "the server does not speak TLS there")
        .hint(
            "where plain HTTP is what it speaks, and that is all right, registries.conf says so: `insecure = "
            "true` in its [[registry]]");
  }
  return failure(EPROTO, "TLS: " + tls_reason());
}

Status TlsStream::shake_hands(const Tls& trust, const std::string& host, Patience& patience) {
  bio_ = BIO_new(bio_method());
  if (!ssl_ || bio_ == nullptr) return failure(ENOMEM, "cannot set up TLS: " + tls_reason());
  BIO_set_data(bio_, this);
  BIO_set_init(bio_, 1);
  SSL_set_bio(ssl_.get(), bio_, bio_);
  std::string name = host;
  while (name.ends_with(".")) name.pop_back();
  X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl_.get());
  // The common name says nothing of hosts any more.
  X509_VERIFY_PARAM_set_hostflags(wanted,
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (Address::literal(name, 0)) {
    X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(wanted, name.data(), name.size());
    SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
  }
  if (trust.verify) {
    SSL_set_ex_data(ssl_.get(), complaint_index(), &complaint_);
    SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, look_at);
  }
  for (;;) {
    ERR_clear_error();
    const int code = SSL_connect(ssl_.get());
    if (code == 1) break;
    if (TRY(stopped(code))) return failure(ECONNRESET, "the server ended the TLS handshake");
    TRY(patience.wait(fd(), wants()));
  }
  shaken_ = true;
  return {};
}

}  // namespace

Result<std::unique_ptr<Stream>> tls_stream(std::unique_ptr<Stream> lower, TlsContexts& contexts,
                                           const Tls& trust, const std::string& host,
                                           const std::string& authority, Patience& patience) {
  auto stream = std::make_unique<TlsStream>(std::move(lower), TRY(contexts.context(trust)));
  auto shaken = stream->shake_hands(trust, host, patience);
  if (!shaken.ok()) {
    if (stream->complaint().code != X509_V_OK)
      return certificate_error(stream->complaint(), host, authority, contexts);
    return std::move(shaken).error();
  }
  return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace testctr::net
