/* What must not happen in this program cannot happen in it: loading shared objects, and the name services of the C library, which
 * load them (dlopen of libnss_*, of gconv modules, and with them of the machine's own libc). libcrypto and libarchive refer to these
 * functions for features that are not used here; every one of them answers "not available". Linked into static programs only. */
#include <dlfcn.h>
#include <errno.h>
#include <iconv.h>
#include <netdb.h>
#include <stddef.h>

void* dlopen(const char* name, int flags) {
  (void)name, (void)flags;
  return NULL;
}
void* dlsym(void* handle, const char* name) {
  (void)handle, (void)name;
  return NULL;
}
int dlclose(void* handle) {
  (void)handle;
  return -1;
}
char* dlerror(void) { return (char*)"this program loads no shared objects"; }
int dladdr(const void* address, Dl_info* info) {
  (void)address, (void)info;
  return 0;
}

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints, struct addrinfo** result) {
  (void)node, (void)service, (void)hints, (void)result;
  return EAI_FAIL;
}
void freeaddrinfo(struct addrinfo* list) { (void)list; }
const char* gai_strerror(int code) {
  (void)code;
  return "this program asks no name service of the C library";
}
int getnameinfo(const struct sockaddr* restrict address, socklen_t length, char* restrict host, socklen_t host_size,
                char* restrict service, socklen_t service_size, int flags) {
  (void)address, (void)length, (void)host, (void)host_size, (void)service, (void)service_size, (void)flags;
  return EAI_FAIL;
}
struct hostent* gethostbyname(const char* name) {
  (void)name;
  return NULL;
}

struct servent* getservbyname(const char* name, const char* protocol) {
  (void)name, (void)protocol;
  return NULL;
}
int getservbyname_r(const char* restrict name, const char* restrict protocol, struct servent* restrict entry, char* restrict buffer,
                    size_t size, struct servent** restrict result) {
  (void)name, (void)protocol, (void)entry, (void)buffer, (void)size;
  *result = NULL;
  return ENOENT;
}
int getservbyport_r(int port, const char* restrict protocol, struct servent* restrict entry, char* restrict buffer, size_t size,
                    struct servent** restrict result) {
  (void)port, (void)protocol, (void)entry, (void)buffer, (void)size;
  *result = NULL;
  return ENOENT;
}

iconv_t iconv_open(const char* to, const char* from) {
  (void)to, (void)from;
  errno = EINVAL;
  return (iconv_t)-1;
}
size_t iconv(iconv_t handle, char** restrict in, size_t* restrict in_left, char** restrict out, size_t* restrict out_left) {
  (void)handle, (void)in, (void)in_left, (void)out, (void)out_left;
  errno = EBADF;
  return (size_t)-1;
}
int iconv_close(iconv_t handle) {
  (void)handle;
  return 0;
}
