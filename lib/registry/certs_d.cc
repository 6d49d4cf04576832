// certs.d: whom to trust as a registry, and as whom to appear before it.
#include "base/sys.h"
#include "base/text.h"
#include "registry/credentials.h"
#include "registry/places.h"

namespace testctr::registry {
namespace {

// The names of a folder by their extension.
struct Folder {
  std::string path;
  std::vector<std::string> authorities, certificates, keys;  // the latter two without extension
};

Result<std::optional<Folder>> look(const std::string& path) {
  auto opened = sys::open(path, O_RDONLY | O_DIRECTORY);
  if (!opened.ok()) {
    const int number = opened.error().number();
    if (number == ENOENT || number == ENOTDIR || number == EACCES) return std::optional<Folder>();
    return std::move(opened).error().as(Fault::usage);
  }
  Folder folder;
  folder.path = path;
  for (const std::string& name : TRY(sys::list_dir(opened.value().get()))) {
    if (name.ends_with(".crt")) folder.authorities.push_back(path + "/" + name);
    if (name.ends_with(".cert")) folder.certificates.push_back(name.substr(0, name.size() - 5));
    if (name.ends_with(".key")) folder.keys.push_back(name.substr(0, name.size() - 4));
  }
  return std::optional<Folder>(std::move(folder));
}

// What has no partner in the other list.
const std::string* alone(const std::vector<std::string>& these, const std::vector<std::string>& others) {
  for (const std::string& name : these)
    if (std::find(others.begin(), others.end(), name) == others.end()) return &name;
  return nullptr;
}

Result<net::Tls> tls_of(Folder folder) {
  net::Tls tls;
  tls.ca_files = std::move(folder.authorities);
  if (const std::string* name = alone(folder.certificates, folder.keys))
    return Error(Error::usage(fmt::format("{}/{}.cert has no key: {}.key is missing beside it", folder.path,
                                          *name, *name)))
        .hint("an authority's certificate is called *.crt there, a client's *.cert");
  if (const std::string* name = alone(folder.keys, folder.certificates))
    return Error::usage(
        fmt::format("{}/{}.key has no certificate: {}.cert is missing beside it", folder.path, *name, *name));
  if (!folder.certificates.empty()) {
    tls.certificate = folder.path + "/" + folder.certificates.front() + ".cert";
    tls.key = folder.path + "/" + folder.certificates.front() + ".key";
  }
  return tls;
}

}  // namespace

Result<net::Tls> certificates_for(const std::string& host) {
  std::vector<std::string> roots;
  if (!config_home().empty()) roots.push_back(config_home() + "/containers/certs.d");
  roots.emplace_back("/etc/containers/certs.d");
  roots.emplace_back("/etc/docker/certs.d");
  for (const std::string& root : roots) {
    auto folder = TRY(look(root + "/" + host));
    if (folder) return tls_of(std::move(*folder));
  }
  return net::Tls{};
}

}  // namespace testctr::registry
