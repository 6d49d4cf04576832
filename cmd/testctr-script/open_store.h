// The store of images, for commands that use it themselves.
#pragma once

#include "commands.h"
#include "image/image.h"

namespace testctr::cmd {

/// Opens the store of this user, and says on stderr what is to be known of it.
inline Result<image::Store> open_store() {
  image::Store store = TRY(image::Store::open({}));
  for (const std::string& note : store.notes()) complain(note);
  return store;
}

}  // namespace testctr::cmd
