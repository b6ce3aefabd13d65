# SPDX-License-Identifier: Apache-2.0
# Everything that comes from outside the repository. All of it is installed by
# deploy/install-dependencies.sh.
set(octet_install_hint
    "run deploy/install-dependencies.sh, which installs or builds it")

macro(octet_find_package)
  find_package(${ARGV} QUIET)
  if(NOT ${ARGV0}_FOUND)
    message(FATAL_ERROR "${ARGV0} was not found: ${octet_install_hint}")
  endif()
endmacro()

set(THREADS_PREFER_PTHREAD_FLAG ON)
octet_find_package(Threads)
octet_find_package(ZLIB)
octet_find_package(PNG)
octet_find_package(OpenSSL)
if(OCTET_SANITIZE MATCHES "thread")
  # The packaged Abseil is not instrumented: its mutexes would not be seen.
  execute_process(
    COMMAND bash "${PROJECT_SOURCE_DIR}/deploy/abseil-prefix.sh"
    OUTPUT_VARIABLE octet_abseil_prefix OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
  unset(absl_DIR CACHE)
  find_package(absl CONFIG QUIET PATHS "${octet_abseil_prefix}"
               NO_DEFAULT_PATH)
  if(NOT absl_FOUND)
    message(FATAL_ERROR "No Abseil in ${octet_abseil_prefix}: run "
            "deploy/install-dependencies.sh --all, which builds it there once")
  endif()
else()
  octet_find_package(absl CONFIG)
endif()
octet_find_package(Protobuf)
if(OCTET_GRPC)
  # gRPC's own search for re2 goes through pkg-config, which needs a minute to
  # walk the Abseil packages that newer re2 packages require.
  find_library(OCTET_RE2_LIBRARY re2)
  if(OCTET_RE2_LIBRARY AND NOT TARGET re2::re2)
    add_library(re2::re2 UNKNOWN IMPORTED)
    set_target_properties(re2::re2 PROPERTIES
      IMPORTED_LOCATION "${OCTET_RE2_LIBRARY}")
    set(re2_FOUND TRUE)
  endif()
  octet_find_package(gRPC CONFIG)
  find_program(OCTET_GRPC_CPP_PLUGIN grpc_cpp_plugin)
  if(NOT OCTET_GRPC_CPP_PLUGIN)
    message(FATAL_ERROR "grpc_cpp_plugin was not found: ${octet_install_hint}")
  endif()
endif()
octet_find_package(spdlog CONFIG)
octet_find_package(CLI11 CONFIG)
octet_find_package(nlohmann_json CONFIG)
octet_find_package(civetweb CONFIG)
octet_find_package(prometheus-cpp CONFIG)
if(OCTET_BUILD_TESTS)
  octet_find_package(GTest CONFIG)
  octet_find_package(benchmark CONFIG)
endif()

# Libraries whose packages describe themselves to pkg-config only, or to CMake
# with programs that are packaged elsewhere (libzip).
function(octet_find_library target library header)
  string(MAKE_C_IDENTIFIER "OCTET_${library}" variable)
  string(TOUPPER "${variable}" variable)
  find_library(${variable}_LIBRARY ${library})
  find_path(${variable}_INCLUDE_DIR ${header})
  mark_as_advanced(${variable}_LIBRARY ${variable}_INCLUDE_DIR)
  if(NOT ${variable}_LIBRARY OR NOT ${variable}_INCLUDE_DIR)
    message(FATAL_ERROR "lib${library} was not found: ${octet_install_hint}")
  endif()
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION "${${variable}_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${${variable}_INCLUDE_DIR}")
endfunction()
octet_find_library(libzip::zip zip zip.h)
octet_find_library(turbojpeg::turbojpeg turbojpeg turbojpeg.h)
octet_find_library(sndfile::sndfile sndfile sndfile.h)

# onnx::proto: the protobuf classes of ONNX. Some packages hold them as a
# shared library on libprotobuf, others as a static one on libprotobuf-lite,
# which libprotobuf contains; linking libprotobuf alone keeps one copy of the
# runtime in the program.
find_library(OCTET_ONNX_PROTO_LIBRARY onnx_proto)
find_path(OCTET_ONNX_INCLUDE_DIR onnx/onnx_pb.h)
if(NOT OCTET_ONNX_PROTO_LIBRARY OR NOT OCTET_ONNX_INCLUDE_DIR)
  message(FATAL_ERROR "libonnx_proto was not found: ${octet_install_hint}")
endif()
add_library(onnx::proto INTERFACE IMPORTED)
set_target_properties(onnx::proto PROPERTIES
  INTERFACE_COMPILE_DEFINITIONS "ONNX_ML=1;ONNX_NAMESPACE=onnx"
  INTERFACE_INCLUDE_DIRECTORIES "${OCTET_ONNX_INCLUDE_DIR}"
  INTERFACE_LINK_LIBRARIES
  "${OCTET_ONNX_PROTO_LIBRARY};protobuf::libprotobuf")

# DNNL::dnnl: oneDNN, the cached static build with the THREADPOOL runtime
# unless the system's own is asked for.
if(OCTET_SYSTEM_ONEDNN)
  find_package(dnnl 3 CONFIG QUIET)
  if(NOT dnnl_FOUND)
    message(FATAL_ERROR "OCTET_SYSTEM_ONEDNN is on, but no oneDNN 3.x was "
                        "found; leave it off and ${octet_install_hint}")
  endif()
else()
  execute_process(
    COMMAND bash "${PROJECT_SOURCE_DIR}/deploy/onednn-prefix.sh"
    OUTPUT_VARIABLE octet_onednn_prefix OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
  # The cache may have moved on since the last configuration.
  unset(dnnl_DIR CACHE)
  find_package(dnnl 3 CONFIG QUIET PATHS "${octet_onednn_prefix}"
               NO_DEFAULT_PATH)
  if(NOT dnnl_FOUND)
    message(FATAL_ERROR "No oneDNN in ${octet_onednn_prefix}: run "
      "deploy/install-dependencies.sh, which builds it there once, or "
      "configure with -DOCTET_SYSTEM_ONEDNN=ON")
  endif()
endif()
