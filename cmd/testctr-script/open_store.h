// The store of images, for commands that use it themselves.
#pragma once

#include "commands.h"
#include "image/image.h"

namespace testctr::cmd {

/// For the commands that look at images.
inline constexpr Option store_option = {
    .names = "--store-ro",
    .value = "DIR",
    .help = "a store that is only looked into, beneath this user's (also: TESTCTR_STORE_RO=DIR:DIR)",
    .repeats = true};

inline image::StoreOptions store_options(const Arguments& arguments) {
  image::StoreOptions options;
  options.read_only = arguments.values("--store-ro");
  return options;
}

/// Opens the store of this user, and says on stderr what is to be known of it.
inline Result<image::Store> open_store(const image::StoreOptions& options = {}) {
  image::Store store = TRY(image::Store::open(options));
  for (const std::string& note : store.notes()) complain(note);
  return store;
}

}  // namespace testctr::cmd
