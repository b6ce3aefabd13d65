# SPDX-License-Identifier: Apache-2.0
# Read by oneDNN's own project() call (CMAKE_PROJECT_<name>_INCLUDE) when
# build.sh builds it. It shortens the build without touching oneDNN's sources:
# what emits kernels at run time needs no optimizer, and files that share large
# headers are compiled together.
cmake_language(DEFER DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
               CALL octet_shorten_build)

# Replaces those sources of `target` that match `pattern` by files that include
# `batch_size` of them each, compiled with the additional `flags`.
function(octet_merge_sources target pattern batch_size flags)
  get_target_property(sources ${target} SOURCES)
  set(merged ${sources})
  list(FILTER merged INCLUDE REGEX "${pattern}")
  list(REMOVE_ITEM sources ${merged})
  list(LENGTH merged left)
  string(MD5 batch_name "${pattern}")
  string(SUBSTRING "${batch_name}" 0 6 batch_name)
  set(index 0)
  while(left GREATER 0)
    list(SUBLIST merged 0 ${batch_size} batch)
    list(REMOVE_ITEM merged ${batch})
    list(TRANSFORM batch REPLACE "(.+)" "#include \"\\1\"\n")
    string(JOIN "" content ${batch})
    set(file "${CMAKE_BINARY_DIR}/octet/${target}_${batch_name}_${index}.cpp")
    file(CONFIGURE OUTPUT "${file}" CONTENT "${content}")
    set_source_files_properties("${file}" TARGET_DIRECTORY ${target}
      PROPERTIES COMPILE_FLAGS "${flags}" SKIP_PRECOMPILE_HEADERS ON)
    list(APPEND sources "${file}")
    list(LENGTH merged left)
    math(EXPR index "${index} + 1")
  endwhile()
  set_target_properties(${target} PROPERTIES SOURCES "${sources}")
endfunction()

# Drops those sources of `target` that match `pattern`.
function(octet_drop_sources target pattern)
  get_target_property(sources ${target} SOURCES)
  list(FILTER sources EXCLUDE REGEX "${pattern}")
  set_target_properties(${target} PROPERTIES SOURCES "${sources}")
endfunction()

# Leaves out what nothing refers to once left_out.cpp stands in for the lists
# of implementations of the primitives that options.txt does not enable.
function(octet_leave_out)
  set(unused batch_normalization binary concat deconvolution eltwise
    group_normalization inner_product inner_product_int8 layer_normalization
    lrn prelu reduction resampling rnn shuffle sum)
  list(JOIN unused "|" unused)

  octet_drop_sources(dnnl_cpu "/(ppc64|rv64|s390x|sycl|rnn|linux_perf)/")
  octet_drop_sources(dnnl_cpu
    "/(ref|simple|ncsp|nspc|gemm|gemm_x8s8s32x)_(${unused})\\.cpp$")
  octet_drop_sources(dnnl_cpu "/cpu_(${unused})_list\\.cpp$")
  octet_drop_sources(dnnl_cpu
    "/cpu_reorder_regular_(f32_fp8|fp4|fp8|s4|u4)\\.cpp$")
  octet_drop_sources(dnnl_cpu
    "/(cpu_batch_normalization_utils|ref_sparse_matmul)\\.cpp$")
  get_target_property(sources dnnl_cpu SOURCES)
  set_target_properties(dnnl_cpu PROPERTIES
    SOURCES "${sources};${CMAKE_CURRENT_FUNCTION_LIST_DIR}/left_out.cpp")

  octet_drop_sources(dnnl_cpu_x64 "/(capi|lrn|prelu|rnn|shuffle)/")
  octet_drop_sources(dnnl_cpu_x64 "/jit_brgemm_(conv_bwd|inner_product)")
  octet_drop_sources(dnnl_cpu_x64
    "/(gemm_bf16_inner_product|jit_uni_sparse_matmul|jit_uni_xf16_sum)\\.cpp$")
  octet_drop_sources(dnnl_cpu_x64
    "/jit_uni_(binary|binary_kernel|eltwise|eltwise_int)\\.cpp$")
  octet_drop_sources(dnnl_cpu_x64
    "(_normalization|deconv|_reduction|_resampling)[a-z0-9_]*\\.cpp$")
endfunction()

function(octet_shorten_build)
  # The lists were made for this line of versions; check.sh links and runs what
  # must have stayed. Another version is built whole.
  if(PROJECT_VERSION VERSION_GREATER_EQUAL 3.7 AND
     PROJECT_VERSION VERSION_LESS 3.8)
    octet_leave_out()
  endif()

  octet_merge_sources(dnnl_common "\\.cpp$" 8 "")
  octet_merge_sources(dnnl_cpu_x64 "_autogen\\.cpp$" 16
                      "-O0 -U_FORTIFY_SOURCE")
  target_precompile_headers(dnnl_cpu PRIVATE
    <map> <memory> <string> <vector>
    "${PROJECT_SOURCE_DIR}/src/common/dnnl_thread.hpp"
    "${PROJECT_SOURCE_DIR}/src/common/primitive.hpp"
    "${PROJECT_SOURCE_DIR}/src/cpu/cpu_engine.hpp")
  target_precompile_headers(dnnl_cpu_x64 PRIVATE
    <map> <memory> <string> <vector>
    "${PROJECT_SOURCE_DIR}/src/common/dnnl_thread.hpp"
    "${PROJECT_SOURCE_DIR}/src/common/primitive.hpp"
    "${PROJECT_SOURCE_DIR}/src/cpu/x64/jit_generator.hpp")
endfunction()
