# The libraries that are linked in, all static and from Debian 12; versions and licences in README.md beside this file.
# A sanitizer build links the same archives dynamically into a dynamic program.
function(testctr_third_party name)
  cmake_parse_arguments(T "" "" "ARCHIVES;HEADER" ${ARGN})
  add_library(third_party_${name} INTERFACE)
  foreach(archive IN LISTS T_ARCHIVES)
    find_library(path_${archive} NAMES lib${archive}.a REQUIRED)
    target_link_libraries(third_party_${name} INTERFACE ${path_${archive}})
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
testctr_third_party(seccomp ARCHIVES seccomp)
testctr_third_party(crypto ARCHIVES crypto HEADER openssl/evp.h)
# lib/base/digest.cc calls it when there is much to hash, and not before every main().
target_link_options(third_party_crypto INTERFACE -Wl,--wrap=OPENSSL_cpuid_setup)
testctr_third_party(tls ARCHIVES ssl HEADER openssl/ssl.h)
# An object: its symbols must come before the library's.
add_library(third_party_tls_provider OBJECT third_party/tls_provider.c)
target_link_libraries(third_party_tls INTERFACE $<TARGET_OBJECTS:third_party_tls_provider> third_party_crypto)
testctr_third_party(cares ARCHIVES cares HEADER ares.h)
testctr_third_party(boost HEADER boost/beast/core.hpp)
testctr_third_party(toml HEADER toml++/toml.h)
testctr_third_party(archive ARCHIVES archive zstd lzma bz2 z lz4 acl HEADER archive.h)
target_link_libraries(third_party_archive INTERFACE third_party_crypto)
testctr_third_party(deflate ARCHIVES deflate HEADER libdeflate.h)

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
