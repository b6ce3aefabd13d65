// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/weight_cache.h"

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace octet::plan {
namespace {

void AppendQuantization(const ir::TensorType& type, std::string& key) {
  if (!type.quantization.has_value()) return;
  absl::StrAppend(&key, " ", Name(type.dtype), "*",
                  absl::StrJoin(type.quantization->scales, ","), "-",
                  absl::StrJoin(type.quantization->zero_points, ","));
}

}  // namespace

std::string WeightCache::KeyOf(const ir::Graph& graph,
                               const ir::Node& node) const {
  const bool by_content = keys_ == Keys::kByContent;
  // The nodes of a file may share a name, what they compute does not. Between
  // graphs, what packing depends on beside the weights tells.
  std::string key =
      by_content ? absl::StrCat(ir::OpName(node.op), ir::OpAttributes(node.op))
                 : graph.value(node.outputs[0]).name;
  for (ir::ValueId id : node.inputs) {
    const ir::Value& value = graph.value(id);
    if (by_content) AppendQuantization(value.type, key);
    if (!value.is_constant()) continue;
    absl::StrAppend(&key, "/", value.name);
    if (!by_content) continue;
    absl::StrAppend(&key, ir::DimsToString(value.type.dims));
    const absl::string_view bytes(
        reinterpret_cast<const char*>(value.constant->bytes()),
        value.constant->byte_size());
    absl::StrAppend(&key, "=", absl::Hex(absl::HashOf(bytes)));
  }
  if (by_content) AppendQuantization(graph.type(node.outputs[0]), key);
  return key;
}

}  // namespace octet::plan
