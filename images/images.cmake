# mkimage, and what it makes for the program itself: the embedded image. mkimage does not use lib/image, which holds that image.
add_executable(mkimage EXCLUDE_FROM_ALL images/mkimage.cc images/recipe.cc images/layer.cc)
target_link_libraries(mkimage PRIVATE tc_base third_party_archive third_party_yaml third_party_no_loading)
target_precompile_headers(mkimage REUSE_FROM tc_base)

set(builtin ${CMAKE_BINARY_DIR}/builtin)
add_custom_command(
  OUTPUT ${builtin}.cc ${builtin}.S ${builtin}.layer
  COMMAND mkimage ${CMAKE_SOURCE_DIR}/images/builtin.yaml --embed ${builtin}
  DEPENDS mkimage images/builtin.yaml /bin/busybox /bin/bash-static
  COMMENT "Making the embedded image")
set_source_files_properties(${builtin}.S PROPERTIES OBJECT_DEPENDS ${builtin}.layer)
target_sources(tc_image PRIVATE ${builtin}.cc ${builtin}.S)
