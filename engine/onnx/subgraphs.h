// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_SUBGRAPHS_H_
#define OCTET_ENGINE_ONNX_SUBGRAPHS_H_

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/onnx/tensor_proto.h"

// The graphs inside control-flow nodes (If, Loop).
namespace octet::onnx {

// Every name that `node` reads: its inputs, and what the graphs in its
// attributes take from outside of them. Names given more than once are listed
// as often; left-out inputs are not listed.
std::vector<std::string> NamesReadBy(const pb::NodeProto& node);

// New names for names, those not listed being kept.
using Renaming = absl::flat_hash_map<std::string, std::string>;

// `node` with its inputs, its outputs, and what its graphs take from outside
// renamed.
pb::NodeProto Renamed(const pb::NodeProto& node, const Renaming& names);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_SUBGRAPHS_H_
