// SPDX-License-Identifier: Apache-2.0
// Compiled into oneDNN in place of the files that list its implementations of
// primitives and element types that octet does not use. oneDNN then answers
// "unimplemented" for those, as it does for any it was configured without.
#include "cpu/cpu_engine.hpp"
#include "cpu/reorder/cpu_reorder.hpp"

namespace dnnl {
namespace impl {
namespace cpu {

#define OCTET_NO_IMPLEMENTATIONS(kind)                                       \
  const impl_list_item_t* get_##kind##_impl_list(const kind##_desc_t* desc) { \
    static const impl_list_item_t none[] = {nullptr};                        \
    UNUSED(desc);                                                            \
    return none;                                                             \
  }
OCTET_NO_IMPLEMENTATIONS(batch_normalization)
OCTET_NO_IMPLEMENTATIONS(binary)
OCTET_NO_IMPLEMENTATIONS(deconvolution)
OCTET_NO_IMPLEMENTATIONS(eltwise)
OCTET_NO_IMPLEMENTATIONS(group_normalization)
OCTET_NO_IMPLEMENTATIONS(inner_product)
OCTET_NO_IMPLEMENTATIONS(layer_normalization)
OCTET_NO_IMPLEMENTATIONS(lrn)
OCTET_NO_IMPLEMENTATIONS(prelu)
OCTET_NO_IMPLEMENTATIONS(reduction)
OCTET_NO_IMPLEMENTATIONS(resampling)
OCTET_NO_IMPLEMENTATIONS(rnn)
OCTET_NO_IMPLEMENTATIONS(shuffle)
#undef OCTET_NO_IMPLEMENTATIONS

#define OCTET_NO_REORDERS(types)                         \
  const impl_list_map_t& regular_##types##_impl_list_map() { \
    static const impl_list_map_t none;                   \
    return none;                                         \
  }
OCTET_NO_REORDERS(f32_fp8)
OCTET_NO_REORDERS(fp4)
OCTET_NO_REORDERS(fp8)
OCTET_NO_REORDERS(s4)
OCTET_NO_REORDERS(u4)
#undef OCTET_NO_REORDERS

}  // namespace cpu
}  // namespace impl
}  // namespace dnnl
