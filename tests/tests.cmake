file(GLOB unit_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/*.cc)
add_executable(unit-tests EXCLUDE_FROM_ALL ${unit_sources})
target_link_libraries(unit-tests PRIVATE tc_run)
target_precompile_headers(unit-tests REUSE_FROM tc_base)
