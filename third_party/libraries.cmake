# The libraries that are linked in, all static and from Debian 12; versions and licences in README.md beside this file.
# A sanitizer build links the same archives dynamically into a dynamic program.

# A copy of an archive of C code without its tables for exceptions: none is ever thrown through it, and together they are a
# twentieth of the binary.
function(testctr_without_unwinding archive variable)
  set(copy ${CMAKE_BINARY_DIR}/third_party/lib${archive}.a)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path_${archive}})
  if(NOT EXISTS ${copy} OR ${path_${archive}} IS_NEWER_THAN ${copy})
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/third_party)
    execute_process(COMMAND ${CMAKE_OBJCOPY} --remove-section=.eh_frame --remove-section=.rela.eh_frame ${path_${archive}} ${copy}
      COMMAND_ERROR_IS_FATAL ANY)
  endif()
  set(${variable} ${copy} PARENT_SCOPE)
endfunction()

# ARCHIVES as they are, C_ARCHIVES without what only exceptions need.
function(testctr_third_party name)
  cmake_parse_arguments(T "" "" "ARCHIVES;C_ARCHIVES;HEADER" ${ARGN})
  add_library(third_party_${name} INTERFACE)
  foreach(archive IN LISTS T_ARCHIVES T_C_ARCHIVES)
    find_library(path_${archive} NAMES lib${archive}.a REQUIRED)
    set(linked ${path_${archive}})
    if(archive IN_LIST T_C_ARCHIVES AND NOT TESTCTR_SANITIZE)
      testctr_without_unwinding(${archive} linked)
    endif()
    target_link_libraries(third_party_${name} INTERFACE ${linked})
  endforeach()
  if(T_HEADER)
    find_path(header_${name} NAMES ${T_HEADER} REQUIRED)
  endif()
endfunction()

testctr_third_party(json HEADER nlohmann/json.hpp)
testctr_third_party(cli11 HEADER CLI/CLI.hpp)
testctr_third_party(doctest HEADER doctest/doctest.h)
testctr_third_party(yaml ARCHIVES yaml-cpp)
testctr_third_party(re2 ARCHIVES re2)
testctr_third_party(seccomp C_ARCHIVES seccomp)
testctr_third_party(crypto C_ARCHIVES crypto HEADER openssl/evp.h)
# lib/base/digest.cc calls it when there is much to hash, and not before every main().
target_link_options(third_party_crypto INTERFACE -Wl,--wrap=OPENSSL_cpuid_setup)
testctr_third_party(tls C_ARCHIVES ssl HEADER openssl/ssl.h)
# An object: its symbols must come before the library's.
add_library(third_party_tls_provider OBJECT third_party/tls_provider.c)
target_link_libraries(third_party_tls INTERFACE $<TARGET_OBJECTS:third_party_tls_provider> third_party_crypto)
testctr_third_party(cares C_ARCHIVES cares HEADER ares.h)
testctr_third_party(boost HEADER boost/beast/core.hpp)
testctr_third_party(toml HEADER toml++/toml.h)
testctr_third_party(archive C_ARCHIVES archive zstd lzma bz2 z lz4 acl HEADER archive.h)
target_link_libraries(third_party_archive INTERFACE third_party_crypto)
testctr_third_party(deflate C_ARCHIVES deflate HEADER libdeflate.h)

# The version of a library that has it in no header, from Debian's package.
function(testctr_package_version variable package)
  execute_process(COMMAND dpkg-query -W -f "\${Version}" ${package} OUTPUT_VARIABLE found ERROR_QUIET)
  string(REGEX REPLACE "[+~-].*" "" found "${found}")
  if(NOT found)
    set(found unknown)
  endif()
  set(${variable} ${found} PARENT_SCOPE)
endfunction()
testctr_package_version(version_yaml libyaml-cpp-dev)
testctr_package_version(version_re2 libre2-dev)

# For static programs: the C library's ways to load shared objects, cut off. An object library, since its definitions must come
# before the C library's.
if(NOT TESTCTR_SANITIZE)
  add_library(third_party_no_loading OBJECT third_party/no_loading.c)
else()
  add_library(third_party_no_loading INTERFACE)
endif()
