#include "net/trust.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <utility>

#include "base/processor.h"
#include "base/sys.h"
#include "base/text.h"
#include "net/stream.h"

namespace testctr::net {
namespace {

constexpr size_t largest_list = size_t{16} << 20;

// Where distributions keep their list: Debian and its like, Fedora and RHEL, openSUSE, OpenELEC, newer RHEL,
// Alpine. And folders, of which each file may hold some.
constexpr const char* list_files[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
};
constexpr const char* list_folders[] = {"/etc/ssl/certs", "/etc/pki/tls/certs"};

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

/// The certificates of a PEM file; other things in it are passed over.
std::vector<Certificate> certificates_of(std::string_view pem) {
  std::vector<Certificate> found;
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                BIO_free);
  // A null callback would ask the terminal for a password.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  while (bio) {
    X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr);
    if (certificate != nullptr) {
      found.emplace_back(certificate, X509_free);
      continue;
    }
    const unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) break;
    if (BIO_pending(bio.get()) == 0) break;  // else a certificate that cannot be read: the next may be
  }
  return found;
}

int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

}  // namespace

/// The system's authorities, read once and only when somebody asks for one.
class SystemAuthorities {
 public:
  explicit SystemAuthorities(const Environment& environment) {
    if (auto file = environment("SSL_CERT_FILE"); file && !file->empty()) {
      files_ = {*file};
    } else {
      files_.assign(std::begin(list_files), std::end(list_files));
    }
    if (auto folders = environment("SSL_CERT_DIR"); folders && !folders->empty()) {
      folders_ = text::split(*folders, ':');
    } else {
      folders_.assign(std::begin(list_folders), std::end(list_folders));
    }
  }

  /// Adds those of this subject to the store. @return one of them, or null.
  X509* find(X509_STORE* store, const X509_NAME* subject) {
    std::lock_guard lock(mutex_);
    read_file();
    X509* found = add(store, subject);
    if (found == nullptr && !folders_read_) {
      read_folders();
      found = add(store, subject);
    }
    return found;
  }

  std::string where() {
    std::lock_guard lock(mutex_);
    read_file();
    return where_;
  }

 private:
  X509* add(X509_STORE* store, const X509_NAME* subject) {
    X509* found = nullptr;
    for (const Certificate& one : certificates_) {
      if (X509_NAME_cmp(X509_get_subject_name(one.get()), subject) != 0) continue;
      X509_STORE_add_cert(store, one.get());
      found = one.get();
    }
    ERR_clear_error();
    return found;
  }

  void read_file() {
    if (std::exchange(file_read_, true)) return;
    for (const std::string& file : files_) {
      auto pem = sys::read_file(file, largest_list);
      if (!pem.ok()) continue;
      certificates_ = certificates_of(pem.value());
      if (!certificates_.empty()) where_ = file;
      return;
    }
  }

  void read_folders() {
    folders_read_ = true;
    for (const std::string& folder : folders_) {
      auto fd = sys::open(folder, O_RDONLY | O_DIRECTORY);
      if (!fd.ok()) continue;
      auto names = sys::list_dir(fd.value().get());
      if (!names.ok()) continue;
      for (const std::string& name : names.value()) {
        auto pem = sys::read_file_at(fd.value().get(), name, largest_list);
        if (!pem.ok()) continue;
        for (Certificate& one : certificates_of(pem.value())) certificates_.push_back(std::move(one));
        if (where_.empty() && !certificates_.empty()) where_ = folder;
      }
    }
  }

  std::mutex mutex_;
  std::vector<std::string> files_, folders_;
  bool file_read_ = false, folders_read_ = false;
  std::vector<Certificate> certificates_;
  std::string where_;
};

namespace {

/// The store's way to ask the system's list: called for a subject that is not in the store.
int find_in_system(X509_LOOKUP* lookup, X509_LOOKUP_TYPE type, const X509_NAME* name, X509_OBJECT* result) {
  if (type != X509_LU_X509) return 0;
  auto* system = static_cast<SystemAuthorities*>(X509_LOOKUP_get_method_data(lookup));
  X509* found = system->find(X509_LOOKUP_get_store(lookup), name);
  if (found == nullptr || X509_OBJECT_set1_X509(result, found) == 0) return 0;
  // The caller takes a reference of its own; this one would never be given back.
  X509_free(found);
  return 1;
}

X509_LOOKUP_METHOD* system_lookup() {
  static X509_LOOKUP_METHOD* const method = [] {
    X509_LOOKUP_METHOD* made = X509_LOOKUP_meth_new("the system's authorities");
    X509_LOOKUP_meth_set_get_by_subject(made, find_in_system);
    return made;
  }();
  return method;
}

Status trust_files(X509_STORE* store, const Tls& trust) {
  for (const std::string& file : trust.ca_files) {
    const std::string pem = TRY_IN(sys::read_file(file, largest_list), "reading what is to be trusted");
    const auto certificates = certificates_of(pem);
    if (certificates.empty())
      return failure(EPROTO, fmt::format("{} holds no certificate", text::quoted(file)))
          .hint("certificates are PEM: -----BEGIN CERTIFICATE-----");
    for (const Certificate& one : certificates) X509_STORE_add_cert(store, one.get());
  }
  ERR_clear_error();
  return {};
}

Status own_certificate(SSL_CTX* context, const Tls& trust) {
  if (trust.certificate.empty()) return {};
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  const std::string& key = trust.key.empty() ? trust.certificate : trust.key;
  if (SSL_CTX_use_certificate_chain_file(context, trust.certificate.c_str()) != 1)
    return failure(EPROTO, fmt::format("the client certificate {} cannot be used: {}",
                                       text::quoted(trust.certificate), tls_reason()));
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
    return failure(EPROTO, fmt::format("the key {} of the client certificate cannot be used: {}",
                                       text::quoted(key), tls_reason()))
        .hint("keys are PEM and not encrypted");
  return {};
}

}  // namespace

std::string tls_reason() {
  const unsigned long error = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(error);
  std::string text = reason != nullptr ? reason : fmt::format("error {:x}", error);
  ERR_clear_error();
  return text;
}

TlsContexts::TlsContexts(Environment environment)
    : system_(std::make_shared<SystemAuthorities>(environment)) {}

TlsContexts::~TlsContexts() = default;

std::string TlsContexts::system_list() { return system_->where(); }

Result<std::shared_ptr<SSL_CTX>> TlsContexts::context(const Tls& trust) {
  std::lock_guard lock(mutex_);
  auto known = contexts_.find(trust);
  if (known != contexts_.end()) return known->second;
  ask_processor();
  // No openssl.cnf: it may name modules to be loaded.
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  ERR_clear_error();
  // The list lives as long as the context, whose store refers to it.
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()),
                                   [system = system_](SSL_CTX* gone) { SSL_CTX_free(gone); });
  if (!context) return failure(EPROTO, "cannot set up TLS: " + tls_reason());
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  // Several records in one system call.
  SSL_CTX_set_read_ahead(raw, 1);
  SSL_CTX_set_default_read_buffer_len(raw, size_t{128} * 1024);
  if (trust.verify) {
    X509_STORE* store = SSL_CTX_get_cert_store(raw);
    CHECK_OK(trust_files(store, trust));
    X509_LOOKUP* lookup = X509_STORE_add_lookup(store, system_lookup());
    if (lookup != nullptr) X509_LOOKUP_set_method_data(lookup, system_.get());
    // As others do: whatever certificate is among the trusted ones is trusted, a server's own too.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  }
  CHECK_OK(own_certificate(raw, trust));
  contexts_.emplace(trust, context);
  return context;
}

}  // namespace testctr::net
