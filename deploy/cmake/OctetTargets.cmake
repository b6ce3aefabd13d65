# SPDX-License-Identifier: Apache-2.0
# The four functions that every CMakeLists.txt of the project is written with.
# Sources are named relative to the repository root or to the calling folder.

function(octet_resolve_sources result)
  set(resolved "")
  foreach(file IN LISTS ARGN)
    if(IS_ABSOLUTE "${file}")
      list(APPEND resolved "${file}")
    elseif(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
      list(APPEND resolved "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
    elseif(EXISTS "${PROJECT_SOURCE_DIR}/${file}")
      list(APPEND resolved "${PROJECT_SOURCE_DIR}/${file}")
    else()
      message(FATAL_ERROR "${file}: neither in ${CMAKE_CURRENT_SOURCE_DIR} "
                          "nor in ${PROJECT_SOURCE_DIR}")
    endif()
  endforeach()
  set(${result} "${resolved}" PARENT_SCOPE)
endfunction()

# octet_add_library(name SRCS a.cc... HDRS a.h... DEPS target...)
# A static library; without SRCS, a header-only one. Everything is included by
# its path from the repository root.
function(octet_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;HDRS;DEPS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "octet_add_library(${name}): unknown arguments "
                        "${arg_UNPARSED_ARGUMENTS}")
  endif()
  octet_resolve_sources(sources ${arg_SRCS})
  octet_resolve_sources(headers ${arg_HDRS})
  if(sources)
    add_library(${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${name} ${scope}
                             "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
  # A file set, so that OctetInstall knows the headers of a library.
  target_sources(${name} ${scope} FILE_SET HEADERS
                 BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${headers})
  target_link_libraries(${name} ${scope} ${arg_DEPS})
  if(sources AND OCTET_SANITIZE AND name MATCHES "^octet_testing_")
    target_compile_options(${name} PRIVATE ${octet_test_options})
  endif()
  if(sources AND TARGET octet_precompiled)
    target_precompile_headers(${name} REUSE_FROM octet_precompiled)
  endif()
endfunction()

# octet_add_executable(name SRCS main.cc... DEPS target...)
# A program in <build>/bin.
function(octet_add_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "octet_add_executable(${name}): unknown arguments "
                        "${arg_UNPARSED_ARGUMENTS}")
  endif()
  octet_resolve_sources(sources ${arg_SRCS})
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
endfunction()

# Defines OCTET_SOURCE_DIR for those of `sources` that name it. No others: two
# checkouts share what was compiled only where the command lines are the same.
function(octet_define_source_dir)
  foreach(source IN LISTS ARGN)
    file(STRINGS "${source}" uses REGEX "OCTET_SOURCE_DIR" LIMIT_COUNT 1)
    if(uses)
      set_source_files_properties("${source}" PROPERTIES
        COMPILE_DEFINITIONS "OCTET_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\"")
    endif()
  endforeach()
endfunction()

# octet_add_test(NAME x_test SRCS x_test.cc... [DEPS target...]
#                [LABELS unit|integration|slow|server|...] [TIMEOUT seconds])
# A GoogleTest program with GoogleMock and a main function, run by ctest as one
# test. Its environment holds OCTET_SOURCE_DIR (the repository root, also a
# string macro) and OCTET_BIN_DIR (where the built programs are).
function(octet_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT"
                        "SRCS;DEPS;LABELS")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_NAME)
    message(FATAL_ERROR "octet_add_test(NAME ${arg_NAME}): unknown arguments "
                        "${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT OCTET_BUILD_TESTS)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  octet_resolve_sources(sources ${arg_SRCS})
  add_executable(${arg_NAME} ${sources})
  set_target_properties(${arg_NAME} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests/bin")
  target_include_directories(${arg_NAME} PRIVATE "${PROJECT_SOURCE_DIR}")
  octet_define_source_dir(${sources})
  target_compile_options(${arg_NAME} PRIVATE ${octet_test_options})
  target_link_libraries(${arg_NAME} PRIVATE ${arg_DEPS} GTest::gmock_main
                                            GTest::gmock GTest::gtest)
  if(TARGET octet_precompiled_tests)
    target_precompile_headers(${arg_NAME} REUSE_FROM octet_precompiled_tests)
  endif()
  add_test(NAME ${arg_NAME} COMMAND ${arg_NAME}
           WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  octet_set_test_properties(${arg_NAME} "${arg_LABELS}" ${arg_TIMEOUT})
  if("unit" IN_LIST arg_LABELS OR "server" IN_LIST arg_LABELS)
    add_dependencies(octet_unit_and_server_tests ${arg_NAME})
  endif()
endfunction()

# What every test gets, whatever language it is written in.
function(octet_set_test_properties name labels timeout)
  set_tests_properties(${name} PROPERTIES
    LABELS "${labels}"
    TIMEOUT ${timeout}
    ENVIRONMENT
    "OCTET_SOURCE_DIR=${PROJECT_SOURCE_DIR};OCTET_BIN_DIR=${PROJECT_BINARY_DIR}/bin")
  if(OCTET_SANITIZE MATCHES "thread")
    set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT
      "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/deploy/abseil/suppressions.txt")
  endif()
endfunction()

# octet_add_proto_library(name SRCS a.proto... [DEPS target...])
# Messages and gRPC services of the given files, included by their path from
# the repository root: proto/a.proto gives "proto/a.pb.h", "proto/a.grpc.pb.h".
# name_messages has the messages alone, and does not link gRPC; without
# OCTET_GRPC, name has no more.
function(octet_add_proto_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "octet_add_proto_library(${name}): unknown arguments "
                        "${arg_UNPARSED_ARGUMENTS}")
  endif()
  octet_generate(messages ".pb" "--cpp_out" "" ${arg_SRCS})
  octet_add_generated_library(${name}_messages ${messages})
  if(OCTET_SANITIZE MATCHES "thread")
    target_compile_options(${name}_messages PUBLIC
      "SHELL:-include ${PROJECT_SOURCE_DIR}/deploy/abseil/protobuf_layout.h")
  endif()
  target_link_libraries(${name}_messages PUBLIC protobuf::libprotobuf
                                                ${arg_DEPS})
  if(OCTET_GRPC)
    octet_generate(services ".grpc.pb" "--grpc_out"
                   "--plugin=protoc-gen-grpc=${OCTET_GRPC_CPP_PLUGIN}"
                   ${arg_SRCS})
    octet_add_generated_library(${name} ${services})
    target_link_libraries(${name} PUBLIC ${name}_messages gRPC::grpc++)
  else()
    add_library(${name} ALIAS ${name}_messages)
  endif()
endfunction()

# octet_generate(result suffix out-flag plugin-flag a.proto...)
# A command for each file that makes its .cc and .h below <build>/generated.
function(octet_generate result suffix out_flag plugin_flag)
  set(out "${PROJECT_BINARY_DIR}/generated")
  octet_resolve_sources(protos ${ARGN})
  set(generated "")
  foreach(proto IN LISTS protos)
    file(RELATIVE_PATH path "${PROJECT_SOURCE_DIR}" "${proto}")
    string(REGEX REPLACE "\\.proto$" "" stem "${path}")
    get_filename_component(folder "${out}/${stem}" DIRECTORY)
    file(MAKE_DIRECTORY "${folder}")
    set(files "${out}/${stem}${suffix}.cc" "${out}/${stem}${suffix}.h")
    add_custom_command(
      OUTPUT ${files}
      COMMAND protobuf::protoc "--proto_path=${PROJECT_SOURCE_DIR}"
              "${out_flag}=${out}" ${plugin_flag} "${path}"
      DEPENDS ${protos}
      WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
      COMMENT "Generating ${stem}${suffix}.h"
      VERBATIM)
    list(APPEND generated ${files})
  endforeach()
  set(${result} ${generated} PARENT_SCOPE)
endfunction()

# octet_add_generated_library(name file...): of what octet_generate makes.
function(octet_add_generated_library name)
  set(out "${PROJECT_BINARY_DIR}/generated")
  set(headers ${ARGN})
  list(FILTER headers INCLUDE REGEX "\\.h$")
  set(sources ${ARGN})
  list(FILTER sources EXCLUDE REGEX "\\.h$")
  add_library(${name} STATIC ${sources})
  target_compile_options(${name} PRIVATE -w)
  if(OCTET_SANITIZE MATCHES "address")
    # Not ours to check, and a sixth of what such a build takes.
    target_compile_options(${name} PRIVATE -fno-sanitize=all)
  endif()
  # What protoc writes does not go together.
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  target_include_directories(${name} SYSTEM PUBLIC
                             "$<BUILD_INTERFACE:${out}>")
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS "${out}"
                 FILES ${headers})
endfunction()
