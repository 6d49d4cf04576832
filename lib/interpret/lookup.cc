// PATH and the reasons of execve(2).
#include "interpret/lookup.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>

#include "base/sys.h"
#include "base/text.h"
#include "interpret/open_plain.h"

namespace testctr::interpret {
namespace {

std::string join(const std::string& directory, const std::string& path) {
  return path.starts_with('/') ? path : directory + "/" + path;
}

/// The first bytes of a file, as far as it can be read.
std::string head_of(const std::string& path) {
  std::string head(4096, '\0');
  auto fd = open_plain(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  auto size =
      fd.ok() ? sys::read_full(fd.value().get(), head.data(), head.size()) : Result<size_t>(size_t{0});
  head.resize(size.ok() ? size.value() : 0);
  return head;
}

bool is_elf(std::string_view head) { return head.size() >= sizeof(Elf64_Ehdr) && head.starts_with(ELFMAG); }

constexpr unsigned char our_class = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

/// The loader that an ELF file of our own class asks for; empty when it asks for none or lies beyond `head`.
std::string loader_of(std::string_view head) {
  if (!is_elf(head) || static_cast<unsigned char>(head[EI_CLASS]) != ELFCLASS64) return {};
  Elf64_Ehdr header;
  std::memcpy(&header, head.data(), sizeof header);
  for (size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    uint64_t at = header.e_phoff + i * sizeof segment;
    if (header.e_phoff > head.size() || at + sizeof segment > head.size()) return {};
    std::memcpy(&segment, head.data() + at, sizeof segment);
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_offset > head.size() || segment.p_filesz > head.size() - segment.p_offset) return {};
    std::string loader(head.substr(segment.p_offset, segment.p_filesz));
    return loader.substr(0, loader.find('\0'));
  }
  return {};
}

/// The interpreter of a `#!` line; empty when there is none.
std::string interpreter_of(std::string_view head) {
  if (!head.starts_with("#!")) return {};
  std::string_view line = text::trim(head.substr(2, head.find('\n') - 2));
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

Error missing(const std::string& path, const std::string& directory, const std::string& name) {
  std::string head = head_of(path);
  if (std::string interpreter = interpreter_of(head); !interpreter.empty()) {
    std::string shown = text::printable(interpreter);
    Error error = Error::usage(fmt::format("{}: bad interpreter {} (missing)", name, shown));
    if (interpreter.ends_with('\r') || head.substr(0, head.find('\n')).ends_with('\r')) {
      return std::move(error).hint(
          "its first line ends with a carriage return, which counts as part of the interpreter's name");
    }
    return std::move(error).hint(
        "the image has no such program; name one that it has in the file's first line");
  }
  if (std::string loader = loader_of(head);
      !loader.empty() && ::access(join(directory, loader).c_str(), F_OK) != 0) {
    return Error::usage(fmt::format("{}: missing loader {}", name, text::printable(loader)))
        .hint(
            "it is linked dynamically and the image has no such loader: link it statically, or use an image "
            "with that C library");
  }
  return Error::usage(fmt::format("{}: its interpreter is missing", name));
}

Error wrong_format(const std::string& path, const std::string& name) {
  std::string head = head_of(path);
  if (is_elf(head)) {
    bool other_class = static_cast<unsigned char>(head[EI_CLASS]) != our_class;
    return Error::usage(fmt::format("{}: a program for another {}", name,
                                    other_class ? "word size or architecture" : "architecture"));
  }
  if (head.empty()) return Error::usage(fmt::format("{}: an empty file is not a program", name));
  return Error::usage(fmt::format("{}: not a program, and without a `#!` line", name))
      .hint("if it is a script, name its interpreter: exec sh FILE");
}

}  // namespace

Result<std::string> find_program(std::string_view name, std::string_view path, const std::string& directory) {
  if (name.empty()) return Error::usage("the program's name is empty");
  if (name.find('/') != std::string_view::npos) return std::string(name);
  std::string candidate_not_executable;
  for (const std::string& part : text::split(path, ':')) {
    std::string candidate = (part.empty() ? std::string(".") : part) + "/" + std::string(name);
    struct stat info {};
    if (::stat(join(directory, candidate).c_str(), &info) != 0 || S_ISDIR(info.st_mode)) continue;
    if ((info.st_mode & 0111) != 0) return candidate;
    if (candidate_not_executable.empty()) candidate_not_executable = candidate;
  }
  std::string shown = text::printable(name);
  if (!candidate_not_executable.empty()) {
    return Error::usage(fmt::format("{}: not found in $PATH as a program: {} is not executable", shown,
                                    text::printable(candidate_not_executable)))
        .hint("chmod 755 makes it so");
  }
  if (path.empty()) return Error::usage(fmt::format("{}: not found: $PATH is empty", shown));
  Error error = Error::usage(fmt::format("{}: not found in $PATH ({})", shown, text::printable(path)));
  struct stat info {};
  if (::stat(join(directory, std::string(name)).c_str(), &info) == 0) {
    return std::move(error).hint(fmt::format("a file in the working directory is called as ./{}", shown));
  }
  return error;
}

Error explain_start(const std::string& path, const std::string& directory, int number) {
  std::string full = join(directory, path);
  std::string name = text::printable(path);
  struct stat info {};
  bool exists = ::stat(full.c_str(), &info) == 0;
  switch (number) {
    case ENOENT:
      return exists ? missing(full, directory, name) : Error::usage(fmt::format("{}: not found", name));
    case ENOTDIR:
      return Error::usage(fmt::format("{}: not found: a part of its path is not a directory", name));
    case EACCES:
      if (exists && S_ISDIR(info.st_mode)) return Error::usage(fmt::format("{}: is a directory", name));
      if (exists && !S_ISREG(info.st_mode)) return Error::usage(fmt::format("{}: not a regular file", name));
      if (exists && (info.st_mode & 0111) == 0) {
        return Error::usage(fmt::format("{}: not executable", name)).hint("chmod 755 makes it so");
      }
      if (std::string interpreter = interpreter_of(head_of(full)); exists && !interpreter.empty()) {
        return Error::usage(
            fmt::format("{}: bad interpreter {} (not executable)", name, text::printable(interpreter)));
      }
      return Error::usage(fmt::format("{}: permission denied", name));
    case ENOEXEC:
      return wrong_format(full, name);
    case E2BIG:
      return Error::usage(fmt::format("{}: its arguments and environment are too long for the kernel", name));
    case ETXTBSY:
      return Error::usage(fmt::format("{}: somebody still has it open for writing", name));
    default:
      return Error::system("execve", name, number).as(Fault::usage);
  }
}

}  // namespace testctr::interpret
