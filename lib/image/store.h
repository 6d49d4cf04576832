// The store's files and locks. Layout, below its home:
//
//   version            "1"
//   lock               shared while something is being loaded, exclusive while garbage is collected
//   tested             the file system has passed the self-test
//   blobs/sha256/HEX   compressed layers, configurations and manifests, as they came
//   layers/MAP/ID      unpacked layers: an overlay's lower directory each. MAP is "root" (owners as the image
//   says) or "user" (all are the
//                      caller's). ID is short, because all of them stand in one mount option: 24 digits of
//                      the layer's diff id, or "c-" and 24 of its chain id when what was unpacked depends on
//                      what is below, be it that nothing is
//   layers/MAP/ID.json what UnpackedLayer says about it, and both digests in full: they are compared
//   layers/MAP/tmp-ID  being unpacked by the holder of locks/MAP-ID, or left by a crash: the next one who
//   wants it removes it
//   images/MAP-ID      the record of an image that is ready
//   images/MAP-ID.lock an empty file, locked (shared) by every run of the image, so that gc leaves it alone.
//   Containers inherit the open file: it is never the record itself, which must not be reached from inside
//   refs/NAME          a tag: full name and manifest digest
//   sources/KEY        which manifest an archive file held, by its inode, size and times: it need not be read
//   again locks/             one file for each piece of work that two processes could want at once tmp/ blobs
//   being written
//
// A store may have others below it that are only read (`lowers`): what is looked for and not found here is
// looked for there, and nothing that is there is made here again. Records and layers of another user's store
// are not taken, since the files in them are his; its blobs are.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/fd.h"
#include "base/result.h"
#include "image/image.h"
#include "image/manifest.h"
#include "image/source.h"
#include "image/unpack.h"

namespace testctr::image {

/// An image that is ready to be mounted; one small file, made of one line of JSON.
struct Record {
  Digest manifest;
  Config config;
  std::vector<std::string> layers;  ///< IDs, lowest first, already cut at an opaque root
  mode_t root_mode = 0755;
  uint64_t size = 0;  ///< of the unpacked files
  std::vector<std::string> notes;
  std::string to_json() const;
  static Result<Record> from_json(std::string_view text);
};

struct Tag {
  std::string name;
  Digest manifest;
  std::string file;   ///< below refs/
  std::string store;  ///< the home of the read-only store that has it; empty: this one
};

struct Store::Impl {
  std::string home;  ///< absolute
  Fd directory;
  bool keep_owners = false;
  std::string map;                 ///< "root" or "user"
  std::vector<std::string> notes;  ///< to be told once: a fallback that was taken
  std::vector<std::unique_ptr<Impl>> lowers;
  bool read_only = false;  ///< is one of them
  bool own = true;         ///< the files in its layers are this user's

  [[nodiscard]] std::string layers_path() const { return "layers/" + map; }
  [[nodiscard]] std::string layer_path(const std::string& id) const { return "layers/" + map + "/" + id; }
  /// Absolute; of a layer that a lower store has, there.
  [[nodiscard]] std::string layer_directory(const std::string& id) const;
  /// The store that has a layer: this one, or a lower one; null: none.
  [[nodiscard]] const Impl* holder_of(const std::string& id) const;
  [[nodiscard]] std::string record_path(const Digest& manifest) const;
  static std::string short_id(const Digest& digest) { return digest.hex().substr(0, 24); }
  static std::string blob_path(const Digest& digest) { return "blobs/sha256/" + digest.hex(); }

  /// The record of an image, with a shared lock on its lock file, if the image is ready and all its layers
  /// are there. (Of a lower store whose lock file cannot be locked, none.)
  Result<std::optional<std::pair<Record, Fd>>> ready(const Digest& manifest);
  Result<std::optional<std::pair<Record, Fd>>> ready_here(const Digest& manifest);
  [[nodiscard]] Fd lock_if_possible(const std::string& path) const;
  Status write_record(const Record& record);
  /// Opens and locks the lock file that belongs to a record. @return nothing with LOCK_NB when somebody else
  /// holds it.
  Result<std::optional<Fd>> lock_record(const std::string& path, int operation);

  /// The lock that loads share and gc takes alone.
  Result<Fd> hold(int operation);
  /// Takes a named lock under locks/. @return nothing with LOCK_NB when somebody else holds it.
  Result<std::optional<Fd>> lock(const std::string& name, int operation);

  Result<bool> has_blob(const Digest& digest);
  /// @return nothing when there is none
  Result<std::optional<uint64_t>> blob_size(const Digest& digest);
  /// Errors: it cannot be opened (ENOENT: there is none).
  Result<Fd> open_blob(const Digest& digest);
  /// The folders in which blobs lie, this store's first.
  Result<std::vector<Fd>> blob_folders();
  /// Writes small bytes as a blob, if it is not there yet.
  Status put_blob(std::string_view bytes);
  Result<std::string> read_blob(const Digest& digest);

  /// @return the digest and, of a lower store's tag, the home of that
  Result<std::optional<Tag>> look_up_tag(const std::string& full_name);
  Result<std::optional<Digest>> find_tag(const std::string& full_name);
  Status set_tag(const std::string& full_name, const Digest& manifest);
  Status remove_tag(const std::string& full_name);
  /// This store's own.
  Result<std::vector<Tag>> tags();
  /// Those of lower stores as well, each name once, by name.
  Result<std::vector<Tag>> all_tags();

  Result<std::optional<Digest>> find_source(const std::string& key);
  /// The manifest that a digest stands for: what was loaded by an index's digest, else itself.
  Result<Digest> manifest_of(const Digest& digest);
  Status set_source(const std::string& key, const Digest& manifest);
  /// Keeps indexes as blobs, and that each of them stands for this manifest.
  Status add_indexes(const std::vector<IndexDocument>& indexes, const Digest& manifest);
  /// Which indexes stand for which manifest: pairs of index and manifest, of lower stores as well.
  Result<std::vector<std::pair<Digest, Digest>>> indexes();
  /// What makes a file the same file as before. @return nothing when it is not a regular file.
  static std::optional<std::string> source_key(const std::string& path, const std::string& tag);
};

/// Whether this is the name of a layer's folder: 24 hexadecimal digits, after "c-" for one that depends on
/// what is below. Everything else that a record could say would lead elsewhere.
bool is_layer_id(std::string_view id);

/// Tries, in `directory`, what overlayfs will need of this file system: user attributes, whiteouts, and a
/// mounted opaque directory where a user namespace can be made. @return the error says what is missing.
Status test_file_system(int directory);

/// Whether this process is a root that can give files any owner.
bool can_keep_owners();

}  // namespace testctr::image
