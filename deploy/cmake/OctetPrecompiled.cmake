# SPDX-License-Identifier: Apache-2.0
# Reading the headers of the standard library, Abseil and GoogleTest takes half
# of the time that a build takes; they are compiled once and shared. Sources
# still include what they use: the clang preset builds without this.
# GCC does not take precompiled headers where a sanitizer is on.
option(OCTET_PRECOMPILE_HEADERS "Compile other people's headers once" ON)
if(NOT OCTET_PRECOMPILE_HEADERS OR OCTET_SANITIZE)
  return()
endif()

set(octet_precompiled_headers
    <algorithm> <cmath> <cstdint> <cstring> <functional> <limits> <map>
    <memory> <optional> <string> <utility> <variant> <vector>
    "\"absl/container/flat_hash_map.h\""
    "\"absl/status/status.h\""
    "\"absl/status/statusor.h\""
    "\"absl/strings/str_cat.h\""
    "\"absl/strings/str_join.h\""
    "\"absl/synchronization/mutex.h\""
    "\"absl/time/time.h\""
    "\"absl/types/span.h\"")

# octet_add_precompiled(name DEPS target... [HEADERS header...] [OPTIONS o...])
# `name` is what targets of the same compiler flags reuse.
function(octet_add_precompiled name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPS;HEADERS;OPTIONS")
  set(source "${PROJECT_BINARY_DIR}/${name}.cc")
  file(CONFIGURE OUTPUT "${source}" CONTENT "// Precompiled headers only.\n")
  add_library(${name} OBJECT EXCLUDE_FROM_ALL "${source}")
  target_compile_options(${name} PRIVATE ${arg_OPTIONS})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  target_precompile_headers(${name} PRIVATE ${octet_precompiled_headers}
                                            ${arg_HEADERS})
endfunction()

set(octet_precompiled_deps absl::flat_hash_map absl::status absl::statusor
    absl::strings absl::synchronization absl::time absl::span Threads::Threads)
octet_add_precompiled(octet_precompiled DEPS ${octet_precompiled_deps})
if(OCTET_BUILD_TESTS)
  octet_add_precompiled(octet_precompiled_tests
    DEPS ${octet_precompiled_deps} GTest::gmock GTest::gtest
    HEADERS "\"gmock/gmock.h\"" "\"gtest/gtest.h\""
    OPTIONS ${octet_test_options})
  # Position-independent as programs are.
  set_target_properties(octet_precompiled_tests PROPERTIES
    COMPILE_OPTIONS "${octet_test_options};-fPIE"
    POSITION_INDEPENDENT_CODE OFF)
endif()
