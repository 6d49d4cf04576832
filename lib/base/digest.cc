#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/text.h"

namespace testctr {
namespace {

// A static OpenSSL would otherwise read the host's openssl.cnf and may load its providers.
void init_crypto() {
  static const bool done =
      OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr) == 1;
  (void)done;
}

}  // namespace

Result<Digest> Digest::parse(std::string_view text) {
  constexpr std::string_view prefix = "sha256:";
  if (!text.starts_with(prefix)) {
    return Error::infrastructure(
        fmt::format("digest {} is not of the form sha256:<64 hex digits>", text::quoted(text)));
  }
  std::string_view hex = text.substr(prefix.size());
  if (!text::is_hex(hex, 64)) {
    return Error::infrastructure(
        fmt::format("digest {} does not have 64 lower-case hex digits", text::quoted(text)));
  }
  return from_hex(std::string(hex));
}

Digest Digest::of(std::string_view bytes) {
  Sha256 sha;
  sha.update(bytes);
  return sha.finish();
}

Digest Digest::from_hex(std::string hex) {
  Digest digest;
  digest.hex_ = std::move(hex);
  return digest;
}

struct Sha256::Impl {
  Impl() : context(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context, EVP_sha256(), nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { EVP_MD_CTX_free(context); }
  EVP_MD_CTX* context;
};

Sha256::Sha256() {
  init_crypto();
  impl_ = std::make_unique<Impl>();
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) { EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()); }

Digest Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(impl_->context, raw.data(), &size);
  return Digest::from_hex(text::hex({reinterpret_cast<const char*>(raw.data()), size}));
}

}  // namespace testctr
