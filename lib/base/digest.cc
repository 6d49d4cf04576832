#include "base/digest.h"

// The plain functions, not EVP: those start the library's provider machinery (a millisecond, and four
// megabytes of binary), which in a static program may also read the host's openssl.cnf. The code underneath
// is the same, SHA instructions included.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "base/processor.h"
#include "base/text.h"

// libcrypto asks the processor what it can before every main(). On a virtual machine each question goes to
// the host and takes microseconds, ten of them one percent of a short run. The linker leads that call to the
// empty function here (`--wrap`); without it the library hashes by code that any processor has.
extern "C" {
void __real_OPENSSL_cpuid_setup();
void __wrap_OPENSSL_cpuid_setup();
void __wrap_OPENSSL_cpuid_setup() {}
}

namespace testctr {
namespace {

constexpr size_t much = 16384;

}  // namespace

void ask_processor() {
  static const bool asked = (__real_OPENSSL_cpuid_setup(), true);
  static_cast<void>(asked);
}

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
  SHA256_CTX context{};
  size_t until_much = much;  // what may still come before the processor is asked
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) { SHA256_Init(&impl_->context); }
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  if (impl_->until_much != 0) {
    impl_->until_much -= std::min(impl_->until_much, bytes.size());
    if (impl_->until_much == 0) ask_processor();
  }
  SHA256_Update(&impl_->context, bytes.data(), bytes.size());
}

Digest Sha256::finish() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> raw{};
  SHA256_Final(raw.data(), &impl_->context);
  return Digest::from_hex(text::hex({reinterpret_cast<const char*>(raw.data()), raw.size()}));
}

}  // namespace testctr
