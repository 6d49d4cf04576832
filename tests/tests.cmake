# What the tests need to be built: the doctest program, the helper programs that run inside containers, the fuzzers.
file(GLOB unit_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/*.cc)
add_executable(unit-tests EXCLUDE_FROM_ALL ${unit_sources})
target_link_libraries(unit-tests PRIVATE tc_bundle tc_engine tc_run tc_builtin third_party_no_loading)
# They are compiled more often than they run: not optimized, but for what they test.
target_compile_options(unit-tests PRIVATE -O0)
target_precompile_headers(unit-tests PRIVATE ${CMAKE_SOURCE_DIR}/lib/base/pch.h <doctest/doctest.h>)
# Doctest's own code and main() come from the first inclusion, which this file must therefore make itself.
set_source_files_properties(${CMAKE_SOURCE_DIR}/tests/unit/main.cc PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
add_custom_target(all-tests DEPENDS testctr-script unit-tests)

# tests/programs/NAME.c or .cc: one static program each, build/programs/NAME ($TESTCTR_PROGRAMS for a test).
# They do not link our libraries and know nothing of the sanitizers: they run inside, in images that have nothing.
if(NOT TESTCTR_SANITIZE)
  file(GLOB programs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/programs/*.c ${CMAKE_SOURCE_DIR}/tests/programs/*.cc)
  foreach(source IN LISTS programs)
    get_filename_component(name ${source} NAME_WE)
    add_executable(program-${name} EXCLUDE_FROM_ALL ${source})
    set_target_properties(program-${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/programs)
    # They say themselves what they need, so that they can be compiled by hand too.
    target_compile_options(program-${name} PRIVATE -U_GNU_SOURCE)
    add_dependencies(all-tests program-${name})
  endforeach()
endif()

# tests/fuzz/NAME_fuzz.cc: build-fuzz/fuzz/NAME.
if(TESTCTR_SANITIZE STREQUAL "fuzzer")
  add_custom_target(all-fuzzers)
  file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.cc)
  foreach(source IN LISTS fuzzers)
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" name ${name})
    add_executable(fuzz-${name} EXCLUDE_FROM_ALL ${source})
    set_target_properties(fuzz-${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    target_link_libraries(fuzz-${name} PRIVATE tc_bundle tc_engine tc_run tc_builtin third_party_no_loading)
    target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer)
    target_precompile_headers(fuzz-${name} REUSE_FROM tc_base)
    add_dependencies(all-fuzzers fuzz-${name})
  endforeach()
endif()

# tests/bench/NAME.cc: build/bench-NAME, what tests/bench/run cannot measure from outside.
file(GLOB benches CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/bench/*.cc)
foreach(source IN LISTS benches)
  get_filename_component(name ${source} NAME_WE)
  add_executable(bench-${name} EXCLUDE_FROM_ALL ${source})
  target_link_libraries(bench-${name} PRIVATE tc_run tc_builtin third_party_no_loading)
  target_precompile_headers(bench-${name} REUSE_FROM tc_base)
endforeach()
