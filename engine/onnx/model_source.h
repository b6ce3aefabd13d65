// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_MODEL_SOURCE_H_
#define OCTET_ENGINE_ONNX_MODEL_SOURCE_H_

#include <onnx/onnx_pb.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/onnx/external_data.h"

// Where a model comes from: bytes, or a file with others beside it.
namespace octet::onnx {

// A message as it was parsed, and the files that it refers to.
struct ModelSource {
  pb::ModelProto proto;
  ExternalData external;
};

// DATA_LOSS where the bytes are no serialized ModelProto with a graph.
absl::StatusOr<ModelSource> SourceFromBytes(absl::string_view bytes);

// Parses the file as it is read, so that its bytes are in memory once.
// NOT_FOUND, INVALID_ARGUMENT (no regular file, or larger than protobuf can
// parse), DATA_LOSS (as above, or it can't be read whole).
absl::StatusOr<ModelSource> SourceFromFile(const std::string& path);

// Puts what lies in other files into the message: of every tensor, or of all
// but the initializers of the graph itself, which a reader may want to read
// one by one.
absl::Status EmbedExternalData(ModelSource& source, bool initializers);

// The model file at `path` with what lies in other files in it, as a model is
// handed on that leaves its folder. As above, and RESOURCE_EXHAUSTED where it
// becomes larger than protobuf can write.
absl::StatusOr<std::string> SelfContainedModel(const std::string& path);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_MODEL_SOURCE_H_
