# The default system call filter, generated with libseccomp when the project is built.
set(sandbox_generated ${CMAKE_BINARY_DIR}/generated/sandbox)
file(MAKE_DIRECTORY ${sandbox_generated})
add_executable(make-filters ${CMAKE_SOURCE_DIR}/lib/sandbox/tools/make_filters.cc ${CMAKE_SOURCE_DIR}/lib/sandbox/table.cc)
target_link_libraries(make-filters PRIVATE third_party_seccomp)
add_custom_command(
  OUTPUT ${sandbox_generated}/default_filters.inc
  COMMAND make-filters ${CMAKE_SOURCE_DIR}/third_party/seccomp/default.table ${sandbox_generated}/default_filters.inc
  DEPENDS make-filters ${CMAKE_SOURCE_DIR}/third_party/seccomp/default.table
  VERBATIM)
add_custom_target(default-filters DEPENDS ${sandbox_generated}/default_filters.inc)
add_dependencies(tc_sandbox default-filters)
set_source_files_properties(${CMAKE_SOURCE_DIR}/lib/sandbox/default_filter.cc PROPERTIES
  OBJECT_DEPENDS ${sandbox_generated}/default_filters.inc)
target_include_directories(tc_sandbox PRIVATE ${CMAKE_BINARY_DIR}/generated)
