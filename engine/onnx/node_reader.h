// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_NODE_READER_H_
#define OCTET_ENGINE_ONNX_NODE_READER_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/tensor.h"
#include "engine/onnx/tensor_proto.h"

namespace octet::onnx {

// Typed access to the attributes and input names of one ONNX node.
//
// Remembers which attributes were asked for, so that one which no rule knows is
// refused and not silently ignored. Reads `proto`, which must outlive it.
// Accessors fail with INVALID_ARGUMENT if the attribute has another type;
// messages don't name the node, the caller of the operator's rule adds that.
class NodeReader {
 public:
  // `opset` is the version of the node's domain that the model asks for.
  NodeReader(const pb::NodeProto& proto, int64_t opset);

  // The node's name, or "Conv(y)" for a nameless one that computes y.
  const std::string& name() const { return name_; }
  const std::string& op_type() const { return proto_.op_type(); }
  int64_t opset() const { return opset_; }

  int input_count() const { return proto_.input_size(); }
  // Whether input `i` is given; optional ones may be left out or be "".
  bool HasInput(int i) const {
    return i < proto_.input_size() && !proto_.input(i).empty();
  }
  const std::string& input(int i) const { return proto_.input(i); }
  const std::string& output(int i) const { return proto_.output(i); }
  int output_count() const { return proto_.output_size(); }
  // INVALID_ARGUMENT unless at least `least` inputs are given (none of these
  // empty) and at most `most`.
  absl::Status ExpectInputs(int least, int most) const;

  bool HasAttribute(absl::string_view name) const {
    return attributes_.contains(name);
  }
  absl::StatusOr<int64_t> Int(absl::string_view name, int64_t absent) const;
  absl::StatusOr<float> Float(absl::string_view name, float absent) const;
  absl::StatusOr<std::string> String(absl::string_view name,
                                     const std::string& absent) const;
  // Absent: nullopt.
  absl::StatusOr<std::optional<std::vector<int64_t>>> Ints(
      absl::string_view name) const;
  absl::StatusOr<std::optional<std::vector<float>>> Floats(
      absl::string_view name) const;
  absl::StatusOr<std::optional<std::vector<std::string>>> Strings(
      absl::string_view name) const;
  absl::StatusOr<std::optional<Tensor>> TensorValue(
      absl::string_view name) const;

  // INVALID_ARGUMENT if it is absent.
  absl::StatusOr<const pb::GraphProto*> Subgraph(absl::string_view name) const;

  // Declares that an attribute changes nothing that we compute.
  void Ignore(absl::string_view name) const { known_.emplace(name); }
  // UNIMPLEMENTED naming an attribute that was neither read nor ignored.
  absl::Status ExpectAllKnown() const;

 private:
  // Null if absent.
  absl::StatusOr<const pb::AttributeProto*> Find(absl::string_view name,
                                                 int32_t type) const;

  const pb::NodeProto& proto_;
  const int64_t opset_;
  std::string name_;
  absl::flat_hash_map<absl::string_view, const pb::AttributeProto*> attributes_;
  mutable absl::flat_hash_set<std::string> known_;
};

// `axis` of a tensor of `rank` axes counted from the front; ONNX counts
// negative ones from the back. INVALID_ARGUMENT out of [-rank, rank).
absl::StatusOr<int> NormalizedAxis(int64_t axis, size_t rank);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_NODE_READER_H_
