/* What of libcrypto is linked in: the algorithms that a client of TLS 1.2 and 1.3 and the verification of its servers' certificates
 * need. libcrypto finds algorithms by name in providers; its own "default" names every one that it has, and a static program would
 * carry all of them, a megabyte and a half that nothing asks for. The provider here stands in its place (its symbol comes first), and
 * names few. The tables that it names are libcrypto's, unchanged. tests/static holds that the binary stays small, tests/unit that
 * servers of all kinds are understood. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

/* libcrypto's own, which no header of it shows. */
typedef struct prov_ctx_st PROV_CTX;
PROV_CTX* ossl_prov_ctx_new(void);
void ossl_prov_ctx_free(PROV_CTX* context);
void ossl_prov_ctx_set0_libctx(PROV_CTX* context, OSSL_LIB_CTX* library);
void ossl_prov_ctx_set0_handle(PROV_CTX* context, const OSSL_CORE_HANDLE* handle);
void ossl_prov_ctx_set0_core_bio_method(PROV_CTX* context, BIO_METHOD* method);
BIO_METHOD* ossl_prov_ctx_get0_core_bio_method(PROV_CTX* context);
BIO_METHOD* ossl_bio_prov_init_bio_method(void);
int ossl_prov_bio_from_dispatch(const OSSL_DISPATCH* functions);
int ossl_prov_seeding_from_dispatch(const OSSL_DISPATCH* functions);
int ossl_prov_get_capabilities(void* context, const char* capability, OSSL_CALLBACK* callback, void* argument);

#define TABLES(X)                                                                                                                   \
  X(sha1) X(sha224) X(sha256) X(sha384) X(sha512) X(md5) X(md5_sha1)                                                                \
  X(aes256gcm) X(aes128gcm) X(aes256cbc) X(aes128cbc) X(aes256ctr) X(aes128ctr) X(aes256ecb) X(aes128ecb) X(chacha20_ossl_poly1305)  \
  X(hmac) X(kdf_tls1_prf) X(kdf_tls1_3_kdf) X(kdf_hkdf)                                                                             \
  X(ecdh_keyexch) X(x25519_keyexch) X(drbg_ctr) X(seed_src)                                                                         \
  X(rsa_signature) X(ecdsa_signature) X(ed25519_signature) X(mac_legacy_hmac_signature) X(rsa_asym_cipher)                          \
  X(rsa_keymgmt) X(rsapss_keymgmt) X(ec_keymgmt) X(x25519_keymgmt) X(ed25519_keymgmt) X(mac_legacy_keymgmt)                         \
  X(pem_to_der_decoder) X(SubjectPublicKeyInfo_der_to_der_decoder)                                                                  \
  X(SubjectPublicKeyInfo_der_to_rsa_decoder) X(PrivateKeyInfo_der_to_rsa_decoder) X(type_specific_keypair_der_to_rsa_decoder)       \
  X(SubjectPublicKeyInfo_der_to_rsapss_decoder) X(PrivateKeyInfo_der_to_rsapss_decoder)                                             \
  X(SubjectPublicKeyInfo_der_to_ec_decoder) X(PrivateKeyInfo_der_to_ec_decoder) X(type_specific_no_pub_der_to_ec_decoder)           \
  X(SubjectPublicKeyInfo_der_to_ed25519_decoder) X(PrivateKeyInfo_der_to_ed25519_decoder)
#define DECLARE(name) extern const OSSL_DISPATCH ossl_##name##_functions[];
TABLES(DECLARE)

#define HAS(names, table) {names, "provider=default", ossl_##table##_functions, NULL}
#define DECODES(name, input, table) {name, "provider=default,fips=yes,input=" input, ossl_##table##_decoder_functions, NULL}
#define END {NULL, NULL, NULL, NULL}

/* Names as the library asks for them, with the numbers by which certificates name them. */
static const OSSL_ALGORITHM digests[] = {
    HAS("SHA1:SHA-1:SSL3-SHA1:1.3.14.3.2.26", sha1),
    HAS("SHA2-224:SHA-224:SHA224:2.16.840.1.101.3.4.2.4", sha224),
    HAS("SHA2-256:SHA-256:SHA256:2.16.840.1.101.3.4.2.1", sha256),
    HAS("SHA2-384:SHA-384:SHA384:2.16.840.1.101.3.4.2.2", sha384),
    HAS("SHA2-512:SHA-512:SHA512:2.16.840.1.101.3.4.2.3", sha512),
    HAS("MD5:SSL3-MD5:1.2.840.113549.2.5", md5),
    HAS("MD5-SHA1", md5_sha1),
    END,
};
static const OSSL_ALGORITHM ciphers[] = {
    HAS("AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", aes256gcm),
    HAS("AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", aes128gcm),
    HAS("AES-256-CBC:AES256:2.16.840.1.101.3.4.1.42", aes256cbc),
    HAS("AES-128-CBC:AES128:2.16.840.1.101.3.4.1.2", aes128cbc),
    HAS("AES-256-CTR", aes256ctr),
    HAS("AES-128-CTR", aes128ctr),
    HAS("AES-256-ECB:2.16.840.1.101.3.4.1.41", aes256ecb),
    HAS("AES-128-ECB:2.16.840.1.101.3.4.1.1", aes128ecb),
    HAS("ChaCha20-Poly1305", chacha20_ossl_poly1305),
    END,
};
static const OSSL_ALGORITHM macs[] = {HAS("HMAC", hmac), END};
static const OSSL_ALGORITHM kdfs[] = {
    HAS("TLS1-PRF", kdf_tls1_prf), HAS("TLS13-KDF", kdf_tls1_3_kdf), HAS("HKDF", kdf_hkdf), END};
static const OSSL_ALGORITHM exchanges[] = {HAS("ECDH", ecdh_keyexch), HAS("X25519:1.3.101.110", x25519_keyexch), END};
static const OSSL_ALGORITHM randoms[] = {HAS("CTR-DRBG", drbg_ctr), HAS("SEED-SRC", seed_src), END};
static const OSSL_ALGORITHM signatures[] = {
    HAS("RSA:rsaEncryption:1.2.840.113549.1.1.1", rsa_signature),
    HAS("ECDSA", ecdsa_signature),
    HAS("ED25519:1.3.101.112", ed25519_signature),
    HAS("HMAC", mac_legacy_hmac_signature),
    END,
};
static const OSSL_ALGORITHM asym_ciphers[] = {HAS("RSA:rsaEncryption:1.2.840.113549.1.1.1", rsa_asym_cipher), END};
static const OSSL_ALGORITHM keys[] = {
    HAS("RSA:rsaEncryption:1.2.840.113549.1.1.1", rsa_keymgmt),
    HAS("RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", rsapss_keymgmt),
    HAS("EC:id-ecPublicKey:1.2.840.10045.2.1", ec_keymgmt),
    HAS("X25519:1.3.101.110", x25519_keymgmt),
    HAS("ED25519:1.3.101.112", ed25519_keymgmt),
    HAS("HMAC", mac_legacy_keymgmt),
    END,
};
static const OSSL_ALGORITHM decoders[] = {
    DECODES("RSA", "der,structure=PrivateKeyInfo", PrivateKeyInfo_der_to_rsa),
    DECODES("RSA", "der,structure=SubjectPublicKeyInfo", SubjectPublicKeyInfo_der_to_rsa),
    DECODES("RSA", "der,structure=type-specific", type_specific_keypair_der_to_rsa),
    DECODES("RSA-PSS", "der,structure=PrivateKeyInfo", PrivateKeyInfo_der_to_rsapss),
    DECODES("RSA-PSS", "der,structure=SubjectPublicKeyInfo", SubjectPublicKeyInfo_der_to_rsapss),
    DECODES("EC", "der,structure=PrivateKeyInfo", PrivateKeyInfo_der_to_ec),
    DECODES("EC", "der,structure=SubjectPublicKeyInfo", SubjectPublicKeyInfo_der_to_ec),
    DECODES("EC", "der,structure=type-specific", type_specific_no_pub_der_to_ec),
    DECODES("ED25519", "der,structure=PrivateKeyInfo", PrivateKeyInfo_der_to_ed25519),
    DECODES("ED25519", "der,structure=SubjectPublicKeyInfo", SubjectPublicKeyInfo_der_to_ed25519),
    DECODES("DER", "der,structure=SubjectPublicKeyInfo", SubjectPublicKeyInfo_der_to_der),
    DECODES("DER", "pem", pem_to_der),
    END,
};

static const OSSL_ALGORITHM* query(void* context, int operation, int* no_cache) {
  (void)context;
  *no_cache = 0;
  switch (operation) {
    case OSSL_OP_DIGEST:
      return digests;
    case OSSL_OP_CIPHER:
      return ciphers;
    case OSSL_OP_MAC:
      return macs;
    case OSSL_OP_KDF:
      return kdfs;
    case OSSL_OP_RAND:
      return randoms;
    case OSSL_OP_KEYMGMT:
      return keys;
    case OSSL_OP_KEYEXCH:
      return exchanges;
    case OSSL_OP_SIGNATURE:
      return signatures;
    case OSSL_OP_ASYM_CIPHER:
      return asym_ciphers;
    case OSSL_OP_DECODER:
      return decoders;
    default:
      return NULL;
  }
}

static void teardown(void* context) {
  BIO_meth_free(ossl_prov_ctx_get0_core_bio_method(context));
  ossl_prov_ctx_free(context);
}

static int get_params(void* context, OSSL_PARAM params[]) {
  (void)context;
  OSSL_PARAM* name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
  OSSL_PARAM* status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
  return (name == NULL || OSSL_PARAM_set_utf8_ptr(name, "what TLS needs")) && (status == NULL || OSSL_PARAM_set_int(status, 1));
}

static const OSSL_DISPATCH provider[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))ossl_prov_get_capabilities},
    {0, NULL},
};

OSSL_provider_init_fn ossl_default_provider_init, ossl_base_provider_init;

int ossl_default_provider_init(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* in, const OSSL_DISPATCH** out, void** context) {
  OSSL_FUNC_core_get_libctx_fn* get_libctx = NULL;
  if (!ossl_prov_bio_from_dispatch(in) || !ossl_prov_seeding_from_dispatch(in)) return 0;
  for (const OSSL_DISPATCH* one = in; one->function_id != 0; ++one) {
    if (one->function_id == OSSL_FUNC_CORE_GET_LIBCTX) get_libctx = OSSL_FUNC_core_get_libctx(one);
  }
  BIO_METHOD* method = ossl_bio_prov_init_bio_method();
  PROV_CTX* made = ossl_prov_ctx_new();
  if (get_libctx == NULL || method == NULL || made == NULL) {
    ossl_prov_ctx_free(made);
    BIO_meth_free(method);
    return 0;
  }
  /* Within libcrypto the core's context is the library's. */
  ossl_prov_ctx_set0_libctx(made, (OSSL_LIB_CTX*)get_libctx(handle));
  ossl_prov_ctx_set0_handle(made, handle);
  ossl_prov_ctx_set0_core_bio_method(made, method);
  *context = made;
  *out = provider;
  return 1;
}

/* The provider "base" has encoders and decoders for those who use another one's algorithms. */
int ossl_base_provider_init(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* in, const OSSL_DISPATCH** out, void** context) {
  (void)handle, (void)in, (void)out, (void)context;
  return 0;
}

/* The tables of names from before providers. */
void openssl_add_all_ciphers_int(void);
void openssl_add_all_ciphers_int(void) {}
void openssl_add_all_digests_int(void);
void openssl_add_all_digests_int(void) {
  EVP_add_digest(EVP_sha1());
  EVP_add_digest(EVP_sha224());
  EVP_add_digest(EVP_sha256());
  EVP_add_digest(EVP_sha384());
  EVP_add_digest(EVP_sha512());
}

/* What other parts of the library refer to, for algorithms that are not named above, and for what a client never does. Each answers
 * that it cannot. */
#define CANNOT(name)  \
  int name(void);     \
  int name(void) { return 0; }
CANNOT(ossl_x448)
CANNOT(ossl_x448_public_from_private)
CANNOT(ossl_ed448_sign)
CANNOT(ossl_ed448_verify)
CANNOT(ossl_ed448_public_from_private)
CANNOT(SRP_create_verifier_BN_ex)
CANNOT(engine_load_padlock_int)
CANNOT(engine_load_afalg_int)
#define CANNOT_GIVE(name) \
  void* name(void);       \
  void* name(void) { return NULL; }
CANNOT_GIVE(OSSL_HTTP_get)
CANNOT_GIVE(UI_get_default_method) /* of asking the terminal for a password */

/* Two curves have code of their own in the library, with large tables; the general one does as well for what is rare. */
typedef struct ec_method_st EC_METHOD;
const EC_METHOD* EC_GFp_mont_method(void);
#define BY_GENERAL_CODE(curve)                                                                       \
  const EC_METHOD* EC_GFp_##curve##_method(void);                                                    \
  const EC_METHOD* EC_GFp_##curve##_method(void) { return EC_GFp_mont_method(); }
#define NO_TABLE(curve)                                                                              \
  void* EC_##curve##_pre_comp_dup(void* table);                                                      \
  void* EC_##curve##_pre_comp_dup(void* table) { return table; }                                     \
  void EC_##curve##_pre_comp_free(void* table);                                                      \
  void EC_##curve##_pre_comp_free(void* table) { (void)table; }
BY_GENERAL_CODE(nistp224)
BY_GENERAL_CODE(nistp521)
NO_TABLE(nistp224)
NO_TABLE(nistp256)
NO_TABLE(nistp521)
