# mkimage, and what it makes for the program itself: the embedded image. That image is an object
# library of its own beside lib/image, since mkimage uses lib/image.
add_executable(mkimage EXCLUDE_FROM_ALL images/mkimage.cc)
target_link_libraries(mkimage PRIVATE tc_recipe third_party_no_loading)
target_precompile_headers(mkimage REUSE_FROM tc_base)

set(builtin ${CMAKE_BINARY_DIR}/builtin)
add_custom_command(
  OUTPUT ${builtin}.cc ${builtin}.S ${builtin}.layer
  COMMAND mkimage ${CMAKE_SOURCE_DIR}/images/builtin.yaml --embed ${builtin}
  DEPENDS mkimage images/builtin.yaml /bin/busybox /bin/bash-static
  COMMENT "Making the embedded image")
set_source_files_properties(${builtin}.S PROPERTIES OBJECT_DEPENDS ${builtin}.layer)
add_library(tc_builtin OBJECT ${builtin}.cc ${builtin}.S)
target_link_libraries(tc_builtin PRIVATE tc_base)
target_precompile_headers(tc_builtin REUSE_FROM tc_base)
