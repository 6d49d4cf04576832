#include "bundle/content.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/sys.h"
#include "base/text.h"
#include "bundle/layer_file.h"
#include "bundle/seal.h"
#include "image/reference.h"
#include "plan/plan_images.h"

namespace testctr::bundle {
namespace {

constexpr size_t block = size_t{256} * 1024;
constexpr const char* in_tree = "take it out, or leave the file out of the test tree by `.testctrignore`";

/// Things of this machine, each once, and their names in the bundle.
class Gatherer {
 public:
  explicit Gatherer(const run::Secrets& secrets, const std::vector<std::string>& left_out)
      : secrets_(secrets), left_out_(left_out) {}
  Result<Content> gather(Folded& folded);

 private:
  Status check(const plan::Job& job) const;
  Status rewrite(plan::Job& job);
  Result<std::string> tree(const std::string& path);
  Result<std::string> numbered(const std::string& folder, const std::string& path);
  Result<image::Tree> scanned(const std::string& path) const;
  Status look_through(const image::Tree& tree) const;
  Status look_through(const std::string& path, const image::Tree& tree, const std::string& shown,
                      const char* hint) const;
  Status look_into(int parent, const std::string& name, const std::string& shown, const char* hint) const;
  Status name_images(const Folded& folded);

  const run::Secrets& secrets_;
  const std::vector<std::string>& left_out_;
  Content content_;
  std::map<std::string, std::string> known_;  ///< path -> name in the bundle
  std::map<std::string, size_t> count_;       ///< of each folder
};

Error cannot(const plan::Job& job, std::string_view what) {
  return Error::usage(fmt::format("{} cannot be packed: {}", text::printable(job.name), what));
}

Status Gatherer::check(const plan::Job& job) const {
  if (job.error) return *job.error;
  if (!job.layer.empty()) return cannot(job, "--layer").hint("name the script and its image instead");
  if (!job.documents.work_directory.empty())
    return cannot(job, "its cases work in a folder of this machine (--work-directory)");
  for (const plan::Mount& mount : job.mounts) {
    if (!mount.read_only)
      return cannot(job,
                    fmt::format("what is mounted at {} may be written to", text::printable(mount.target)))
          .hint("`:ro` behind it: a bundle holds what was mounted, and nobody may change that");
  }
  if (secrets_.empty()) return {};
  const auto look = [&](const plan::Step& step) -> Status {
    if (!secrets_.in(step.source)) return {};
    return cannot(job, fmt::format("the value of a secret stands in {}", text::printable(step.file)));
  };
  CHECK_OK(look(job));
  for (const plan::Step& step : job.further) CHECK_OK(look(step));
  for (const auto& [name, value] : job.environment) {
    if (std::find(job.secrets.begin(), job.secrets.end(), name) == job.secrets.end() && secrets_.in(value))
      return cannot(job,
                    fmt::format("the value of a secret stands in the variable {}", text::printable(name)))
          .hint(fmt::format("`--secret {}` leaves it out of the bundle, too", text::printable(name)));
  }
  return {};
}

// In pieces that overlap by what a secret may be long.
Status Gatherer::look_into(int parent, const std::string& name, const std::string& shown,
                           const char* hint) const {
  Fd file = TRY_IN(sys::open_at(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), shown);
  const auto found = [&](const char* where) {
    return Error::usage(fmt::format("the value of a secret stands in {}{}: nothing was packed", where,
                                    text::printable(shown)))
        .hint(hint);
  };
  for (const auto& [key, value] : image::attributes_of(file.get(), [](std::string_view) { return true; }))
    if (secrets_.in(key) || secrets_.in(value)) return found("an attribute of ");
  struct stat st {};
  if (fstat(file.get(), &st) == 0 && S_ISDIR(st.st_mode)) return {};
  const size_t overlap = secrets_.longest();
  std::string buffer;
  for (;;) {
    const size_t kept = std::min(buffer.size(), overlap);
    buffer.erase(0, buffer.size() - kept);
    buffer.resize(kept + block);
    const size_t n = TRY_IN(sys::read_full(file.get(), buffer.data() + kept, block), shown);
    buffer.resize(kept + n);
    if (n == 0) return {};
    if (secrets_.in(buffer)) return found("");
  }
}

// A bundle that lies in the tree is no part of it: otherwise the second bundle would hold the first.
Result<image::Tree> Gatherer::scanned(const std::string& path) const {
  image::Tree tree = TRY(image::tree_to_pack(path));
  for (const std::string& result : left_out_)
    if (result.starts_with(tree.root + "/")) tree.hidden.push_back(result.substr(tree.root.size() + 1));
  std::sort(tree.hidden.begin(), tree.hidden.end());
  return tree;
}

Status Gatherer::look_through(const image::Tree& tree) const {
  return look_through(tree.root, tree, tree.root, in_tree);
}

// @param shown in place of the path in messages
Status Gatherer::look_through(const std::string& path, const image::Tree& tree, const std::string& shown,
                              const char* hint) const {
  if (secrets_.empty()) return {};
  Fd root = TRY(sys::open(path, O_RDONLY | O_DIRECTORY));
  const std::set<std::string> hidden(tree.hidden.begin(), tree.hidden.end());
  const auto is = [&](const std::string& what) {
    return Error::usage(fmt::format("the value of a secret is {}: nothing was packed", what)).hint(hint);
  };
  return image::walk_tree(root.get(), hidden, [&](const image::TreeEntry& entry) -> Status {
    if (secrets_.in(entry.name)) return is("the name of a file in " + text::printable(shown));
    const std::string file = shown + (shown.starts_with('/') ? "/" : ":/") + entry.path;
    if (S_ISREG(entry.st.st_mode) || S_ISDIR(entry.st.st_mode))
      return look_into(entry.parent, entry.name, file, hint);
    if (S_ISLNK(entry.st.st_mode) && secrets_.in(TRY(sys::read_link_at(entry.parent, entry.name))))
      return is(fmt::format("where {} leads", text::printable(file)));
    return {};
  });
}

Result<std::string> Gatherer::tree(const std::string& path) {
  if (path.empty()) return std::string();
  if (const auto known = known_.find(path); known != known_.end()) return known->second;
  image::Tree found = TRY_IN(scanned(path), "the test tree");
  CHECK_OK(look_through(found));
  for (const std::string& note : found.notes) content_.notes.push_back(note);
  const size_t number = count_["trees"]++;
  std::string name = number == 0 ? "tree" : fmt::format("trees/{}", number);
  if (number == 0) {
    content_.layer.tree = std::move(found);
  } else {
    if (number == 1) content_.layer.folders.emplace_back("trees");
    content_.layer.copies.push_back({.name = name, .tree = std::move(found), .file = ""});
  }
  return known_[path] = name;
}

Result<std::string> Gatherer::numbered(const std::string& folder, const std::string& path) {
  const std::string key = folder + "=" + path;
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  const size_t number = count_[folder]++;
  if (number == 0) content_.layer.folders.push_back(folder);
  std::string name = fmt::format("{}/{}", folder, number);
  image::LayerCopy copy{.name = name, .tree = {}, .file = path};
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return Error::system("stat", path);
  if (S_ISDIR(st.st_mode)) {
    copy.tree = TRY_IN(scanned(path), "what is mounted");
    copy.file.clear();
    CHECK_OK(look_through(*copy.tree));
  } else if (!S_ISREG(st.st_mode)) {
    return Error::usage(fmt::format("{} is neither a file nor a folder, and cannot be packed", path));
  } else if (!secrets_.empty()) {
    CHECK_OK(look_into(AT_FDCWD, path, path, in_tree));
  }
  content_.layer.copies.push_back(std::move(copy));
  return known_[key] = name;
}

// A path that is below the tree, from there; another absolute one as its last part: where the files lie on
// this machine is nobody's business.
std::string shortened(const std::string& path, const std::string& tree) {
  if (!path.starts_with('/')) return path;
  if (!tree.empty() && path.starts_with(tree + "/")) return path.substr(tree.size() + 1);
  return path.substr(path.rfind('/') + 1);
}

Status Gatherer::rewrite(plan::Job& job) {
  const std::string tree_path = job.tree;
  const auto shorten = [&](plan::Step& step) {
    step.file = shortened(step.file, tree_path);
    step.name = shortened(step.name, tree_path);
    for (plan::DocumentPart& part : step.parts) part.name = shortened(part.name, tree_path);
  };
  shorten(job);
  for (plan::Step& step : job.further) shorten(step);
  job.tree = TRY(tree(job.tree));
  for (const std::string& name : job.secrets) job.environment.erase(name);
  for (plan::HostProgram& program : job.programs) program.path = TRY(numbered("programs", program.path));
  for (plan::Mount& mount : job.mounts) mount.source = TRY(numbered("mounts", mount.source));
  if (job.seccomp.starts_with('/')) job.seccomp = TRY(numbered("profiles", job.seccomp));
  if (!job.artifacts.empty())
    content_.notes.push_back(fmt::format("{}: a replay brings no artifacts out", text::printable(job.name)));
  job.artifacts.clear();
  job.documents.prepend.clear();
  job.documents.append.clear();
  job.documents.whole_output = false;
  job.pins.clear();
  job.set_up_by.clear();
  return {};
}

/// The images of the tests, those that are set up behind the others.
class Wanted {
 public:
  Wanted(const Folded& folded, const plan::Plan& plan, const std::vector<std::string>& names)
      : folded_(folded), plan_(plan), plain_(names.size()) {
    for (const std::string& name : names) all_.push_back({name, nullptr, {}});
  }

  // The one that most people mean stands first: it is what others' tools run.
  std::vector<WantedImage> list() {
    size_t main = SIZE_MAX;
    for (size_t i = 0; i < plan_.jobs.size(); ++i) {
      for (const std::string& image : plan::images_of(plan_.jobs[i])) (void)add(i, image);
      if (main == SIZE_MAX && !plan_.jobs[i].image.empty()) main = add(i, plan_.jobs[i].image);
    }
    for (size_t i = 0; i < plan_.jobs.size(); ++i) {
      for (const plan::Container& container : plan_.jobs[i].containers)
        if (main == SIZE_MAX && !container.service) main = add(i, container.image);
    }
    if (all_.empty()) return {{"builtin", nullptr, {}}};
    if (main == SIZE_MAX) main = 0;
    std::vector<WantedImage> used{std::move(all_[main])};
    for (size_t i = 0; i < all_.size(); ++i)
      if (i != main && (i >= plain_.size() || plain_[i])) used.push_back(std::move(all_[i]));
    return used;
  }

 private:
  size_t add(size_t job, const std::string& image) {
    const SetUp* set_up = folded_.for_image(plan_.jobs[job], image);
    size_t at = 0;
    while (all_[at].name != image || all_[at].set_up != set_up)
      if (++at == all_.size()) all_.push_back({image, set_up, {}});
    if (set_up == nullptr) {
      plain_[at] = true;
    } else if (all_[at].jobs.empty() || all_[at].jobs.back() != job) {
      all_[at].jobs.push_back(job);
    }
    return at;
  }

  const Folded& folded_;
  const plan::Plan& plan_;
  std::vector<WantedImage> all_;
  std::vector<bool> plain_;  ///< of the first: a test wants it as it is
};

Status Gatherer::name_images(const Folded& folded) {
  content_.images = Wanted(folded, content_.plan, TRY(plan::images_of(content_.plan))).list();
  for (const WantedImage& wanted : content_.images) {
    const std::string& image = wanted.name;
    const auto reference = image::Reference::parse(image);
    if (!reference.ok()) return reference.error();
    using Kind = image::Reference::Kind;
    if (reference.value().kind == Kind::hostfs || reference.value().kind == Kind::dir)
      return Error::usage(fmt::format("{} cannot be packed: it is not an image", image))
          .hint("`testctr-script image build` makes one of a folder");
  }
  return {};
}

Result<Content> Gatherer::gather(Folded& folded) {
  content_.plan = std::move(folded.plan);
  content_.plan.parallel = 1;
  content_.plan.notes.clear();
  content_.plan.not_tests = 0;
  for (const plan::Job& job : content_.plan.jobs) CHECK_OK(check(job));
  CHECK_OK(name_images(folded));
  for (const SetUp& set_up : folded.set_ups)
    CHECK_OK(look_through(set_up.layer->directory(), {}, set_up.job->name,
                          "have the script of `setup:` remove what it needed a secret for"));
  for (plan::Job& job : content_.plan.jobs) CHECK_OK(rewrite(job));
  content_.layer.program = TRY(sys::self_path());
  content_.layer.open_folders = true;
  Fd self = TRY(sys::open("/proc/self/exe", O_RDONLY));
  // Of a program with a bundle behind it, the program alone.
  if (const auto seal = TRY(find_seal(self.get()))) content_.layer.program_size = seal->begin;
  return std::move(content_);
}

}  // namespace

Result<Content> gather(Folded& folded, const run::Secrets& secrets,
                       const std::vector<std::string>& left_out) {
  return Gatherer(secrets, left_out).gather(folded);
}

Result<image::CompressedLayer> write_content(Content& content, const PlanFile& file,
                                             const std::string& folder, Fd& written) {
  content.layer.files[plan_name] = to_bytes(file);
  return compressed_layer(
      folder, [&content](image::BlockSink out) { return image::write_layer(std::move(out), content.layer); },
      written);
}

}  // namespace testctr::bundle
