// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/model_source.h"

#include <fcntl.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"

namespace octet::onnx {
namespace {

// Protobuf's own limit.
constexpr int64_t kMaxFileBytes = std::numeric_limits<int32_t>::max();

absl::Status ExpectGraph(bool parsed, const pb::ModelProto& proto,
                         int64_t bytes) {
  if (parsed && proto.has_graph()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the ", bytes, " bytes are no ONNX model (a serialized ",
                   "ModelProto): another kind of file, or a part of one"));
}

absl::Status CheckModelFile(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    return absl::NotFoundError(absl::StrCat("no model file at ", path));
  }
  if (!fs::is_regular_file(status)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is no regular file; expected an ONNX model"));
  }
  return absl::OkStatus();
}

bool IsExternal(const pb::TensorProto& tensor) {
  return tensor.data_location() == pb::TensorProto::EXTERNAL ||
         tensor.external_data_size() > 0;
}

// Calls visit(tensor) for the tensors of `graph`: its initializers, those of
// its nodes' attributes, and so on within these.
template <typename Visit>
absl::Status ForTensors(pb::GraphProto& graph, bool initializers,
                        const Visit& visit) {
  if (initializers) {
    for (pb::TensorProto& tensor : *graph.mutable_initializer()) {
      OCTET_RETURN_IF_ERROR(visit(tensor));
    }
  }
  for (pb::NodeProto& node : *graph.mutable_node()) {
    for (pb::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t()) {
        OCTET_RETURN_IF_ERROR(visit(*attribute.mutable_t()));
      }
      for (pb::TensorProto& tensor : *attribute.mutable_tensors()) {
        OCTET_RETURN_IF_ERROR(visit(tensor));
      }
      if (attribute.has_g()) {
        OCTET_RETURN_IF_ERROR(ForTensors(*attribute.mutable_g(), true, visit));
      }
      for (pb::GraphProto& inner : *attribute.mutable_graphs()) {
        OCTET_RETURN_IF_ERROR(ForTensors(inner, true, visit));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Embed(ExternalData& external, int64_t& total,
                   pb::TensorProto& tensor) {
  if (!IsExternal(tensor)) return absl::OkStatus();
  const auto in_context = [&](const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat("tensor '", tensor.name(),
                                                    "': ", status.message()));
  };
  const auto bytes = RawByteSize(tensor);
  if (!bytes.ok()) return in_context(bytes.status());
  if (absl::Status found = external.Check(tensor, *bytes); !found.ok()) {
    return in_context(found);
  }
  total += *bytes;
  if (total > kMaxFileBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("with its external data the model has more than ",
                     kMaxFileBytes, " bytes, which is protobuf's limit"));
  }
  std::string raw(static_cast<size_t>(*bytes), '\0');
  const absl::Status read = external.Read(
      tensor, {reinterpret_cast<std::byte*>(raw.data()), raw.size()});
  if (!read.ok()) return in_context(read);
  tensor.set_raw_data(std::move(raw));
  tensor.clear_external_data();
  tensor.clear_data_location();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelSource> SourceFromBytes(absl::string_view bytes) {
  ModelSource source;
  const auto size = static_cast<int64_t>(bytes.size());
  const bool parsed =
      size <= kMaxFileBytes &&
      source.proto.ParseFromArray(bytes.data(), static_cast<int>(size));
  OCTET_RETURN_IF_ERROR(ExpectGraph(parsed, source.proto, size));
  return source;
}

absl::StatusOr<ModelSource> SourceFromFile(const std::string& path) {
  OCTET_RETURN_IF_ERROR(CheckModelFile(path));
  const int descriptor =
      open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (descriptor < 0) {
    return absl::DataLossError(absl::StrCat("can't read ", path));
  }
  const absl::Cleanup closer = [descriptor] { close(descriptor); };
  const int64_t size = lseek(descriptor, 0, SEEK_END);
  if (size < 0 || size > kMaxFileBytes || lseek(descriptor, 0, SEEK_SET) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, " has ", size, " bytes; expected at most ", kMaxFileBytes,
        " (larger models keep their weights in external data)"));
  }
  const std::filesystem::path folder =
      std::filesystem::path(path).parent_path();
  ModelSource source;
  source.external = ExternalData(folder.empty() ? "." : folder.string());
  google::protobuf::io::FileInputStream stream(descriptor);
  const bool parsed = source.proto.ParseFromZeroCopyStream(&stream);
  OCTET_RETURN_IF_ERROR(ExpectGraph(parsed, source.proto, size));
  return source;
}

absl::Status EmbedExternalData(ModelSource& source, bool initializers) {
  auto total = static_cast<int64_t>(source.proto.ByteSizeLong());
  return ForTensors(*source.proto.mutable_graph(), initializers,
                    [&](pb::TensorProto& tensor) {
                      return Embed(source.external, total, tensor);
                    });
}

absl::StatusOr<std::string> SelfContainedModel(const std::string& path) {
  OCTET_ASSIGN_OR_RETURN(ModelSource source, SourceFromFile(path));
  OCTET_RETURN_IF_ERROR(EmbedExternalData(source, /*initializers=*/true));
  std::string bytes;
  if (!source.proto.SerializeToString(&bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": with its external data it has more than ",
                     kMaxFileBytes, " bytes, which is protobuf's limit"));
  }
  return bytes;
}

}  // namespace octet::onnx
