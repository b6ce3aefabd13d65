# SPDX-License-Identifier: Apache-2.0
# The language level, warnings, sanitizers and the compiler cache.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# No -march here: one binary serves every x86-64 machine, and only the files
# that hold kernels for one instruction set are compiled for it.
add_compile_options(-Wall -Wextra)
if(OCTET_WERROR)
  add_compile_options(-Werror)
endif()

if(OCTET_SANITIZE)
  add_compile_options(-fsanitize=${OCTET_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${OCTET_SANITIZE})
  # The distribution's Abseil was built without sanitizers, and its containers
  # change their layout under them unless told not to.
  add_compile_definitions(NDEBUG_SANITIZER)
  # Under sanitizers GCC warns of flows that it cannot follow (its manual, on
  # -fsanitize, advises against -Werror there): these stay warnings.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-error=maybe-uninitialized -Wno-error=uninitialized
                        -Wno-error=array-bounds -Wno-error=stringop-overflow
                        -Wno-error=stringop-overread -Wno-error=restrict)
  endif()
endif()

if(OCTET_FUZZ)
  # The name is libFuzzer's: code built with it has smaller limits.
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_compile_definitions(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
endif()

# Of tests: what is to be fast, and what the sanitizers are to see, is what the
# tests call; optimizing the expectations themselves doubles the time that they
# take to compile.
set(octet_test_options -O1)
if(OCTET_SANITIZE)
  # Undefined behaviour of the expectations themselves is of no interest.
  set(octet_test_options -O0 -fno-sanitize=undefined)
endif()

# Most of what compiling a source costs is the headers and the templates that
# it shares with its neighbours.
if(OCTET_UNITY)
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
endif()

find_program(OCTET_CCACHE ccache)
mark_as_advanced(OCTET_CCACHE)
if(OCTET_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Two checkouts of the same sources share what was compiled: paths below the
  # root are hashed relative to the build folder.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
      CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
      "${OCTET_CCACHE}")
endif()
