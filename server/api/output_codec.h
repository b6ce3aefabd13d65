// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_OUTPUT_CODEC_H_
#define OCTET_SERVER_API_OUTPUT_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "proto/inference.pb.h"
#include "server/api/request_parameters.h"
#include "server/api/shared_memory.h"
#include "server/api/tensor_codec.h"
#include "server/models/class_labels.h"
#include "server/models/loaded_model.h"

namespace octet {

// Reads which outputs `request` wants and where they go; `decoded->rows` is
// known.
//   INVALID_ARGUMENT  an output that the model does not have, or twice, a
//                     range that is too small or is used twice, a number of
//                     classes that is too large
//   NOT_FOUND         no such shared-memory region
absl::Status DecodeOutputs(const inference::ModelInferRequest& request,
                           const Model& model,
                           const SharedMemoryRegions& regions,
                           DecodedRequest* decoded);

// Where the outputs of a request go.
struct ResponseBuffers {
  // Memory for an output that does not go into the message as it is.
  struct Staged {
    int position = -1;  // among the response's outputs; -1: nobody wants it
    const TensorSpec* spec = nullptr;
    TensorParameters parameters;
    const ClassLabels* labels = nullptr;  // those of classes, if there are any
    std::unique_ptr<char[]> memory;
  };

  // One an output of the model, in its order.
  absl::InlinedVector<void*, 4> outputs;
  std::vector<Staged> staged;
  int64_t rows = 0;
};

// The labels of a model's outputs, as LoadedModel::class_labels(); empty: none
// has any.
using LabelsByOutput = absl::Span<const std::shared_ptr<const ClassLabels>>;

// Adds the wanted outputs to `response`, with room for their bytes in
// raw_output_contents. The result points into `response`, which must not be
// changed while it is used, at `labels` and at the model's outputs().
ResponseBuffers PrepareResponse(const DecodedRequest& request,
                                const Model& model,
                                inference::ModelInferResponse* response,
                                LabelsByOutput labels = {});

// Brings the outputs that are computed where the caller wants them: into
// shared memory, or as classes into `response`. Errors as
// SharedMemoryRegion::Write().
absl::Status FinishResponse(const ResponseBuffers& buffers,
                            inference::ModelInferResponse* response);

// For a model with dynamic shapes, in place of both: adds the wanted ones of
// `outputs`, one an output of the model, to `response`, or brings them into
// shared memory. INVALID_ARGUMENT where one is larger than its place there;
// else as SharedMemoryRegion::Write().
absl::Status AnswerWhole(const DecodedRequest& request, const Model& model,
                         const std::vector<Tensor>& outputs,
                         inference::ModelInferResponse* response);

}  // namespace octet

#endif  // OCTET_SERVER_API_OUTPUT_CODEC_H_
