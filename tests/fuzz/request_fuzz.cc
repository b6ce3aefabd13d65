// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as the message of an inference request, for models of every
// element type, of rows that are not independent, and of open shapes. What fits
// is read to its last byte and answered.
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/base/tensor.h"
#include "proto/inference.pb.h"
#include "server/api/output_codec.h"
#include "server/api/request_parameters.h"
#include "server/api/shared_memory.h"
#include "server/api/tensor_codec.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/shared_object.h"

namespace octet {
namespace {

constexpr RequestLimits kLimits = {.max_rows = 8, .max_bytes = 4096};
constexpr size_t kRegionBytes = 64;

// What requests meet in a server.
struct Surroundings {
  FakeEngine engine;
  std::vector<std::shared_ptr<const Model>> models;
  SharedMemoryRegions regions{"/octet"};

  Surroundings() {
    for (const char* text : {"scale 1", "echo", "whole", "open"}) {
      models.push_back(*engine.functions().load_bytes(text, {}));
    }
    // The region keeps the object when its name is gone.
    const SharedObject object(kRegionBytes);
    OCTET_CHECK(
        regions.Register({"region", object.key(), 0, kRegionBytes}).ok());
  }
};

// Reads every byte that the request is said to have, for the sanitizers.
int64_t SumOfBytes(const DecodedRequest& request, const Model& model) {
  int64_t sum = 0;
  std::vector<unsigned char> bytes;
  const auto add = [&](const void* data, int64_t size) {
    bytes.resize(size);
    if (size > 0) std::memcpy(bytes.data(), data, size);
    for (const unsigned char byte : bytes) sum += byte;
  };
  const size_t inputs = model.has_dynamic_shapes() ? 0 : request.inputs.size();
  for (size_t i = 0; i < inputs; ++i) {
    add(request.inputs[i], request.rows * model.inputs()[i].row_bytes());
  }
  for (const Tensor& tensor : request.whole_inputs) {
    add(tensor.bytes(), static_cast<int64_t>(tensor.byte_size()));
  }
  return sum;
}

void Answer(const DecodedRequest& request, const Model& model) {
  inference::ModelInferResponse response;
  if (model.has_dynamic_shapes()) {
    std::vector<Tensor> outputs;
    for (const TensorSpec& spec : model.outputs()) {
      outputs.emplace_back(spec.dtype, Shape{3, 2});
    }
    ExpectNoBug(AnswerWhole(request, model, outputs, &response));
    return;
  }
  const ResponseBuffers buffers = PrepareResponse(request, model, &response);
  OCTET_CHECK(buffers.outputs.size() == model.outputs().size());
  for (size_t i = 0; i < buffers.outputs.size(); ++i) {
    if (buffers.outputs[i] == nullptr) continue;
    std::memset(buffers.outputs[i], 1,
                request.rows * model.outputs()[i].row_bytes());
  }
  ExpectNoBug(FinishResponse(buffers, &response));
}

void DecodeAndAnswer(const inference::ModelInferRequest& request,
                     const Model& model, const SharedMemoryRegions& regions) {
  const auto decoded = DecodeRequest(request, model, kLimits, regions);
  ExpectNoBug(decoded.status());
  if (!decoded.ok()) return;
  OCTET_CHECK(decoded->rows >= 1 && decoded->rows <= kLimits.max_rows);
  OCTET_CHECK(decoded->bytes <= kLimits.max_bytes);
  OCTET_CHECK(SumOfBytes(*decoded, model) <= 255 * decoded->bytes);
  Answer(*decoded, model);
}

}  // namespace

const char kFuzzCorpus[] = "request";

}  // namespace octet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* surroundings = new octet::Surroundings();
  inference::ModelInferRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  octet::ExpectNoBug(
      octet::ReadRequestParameters(request.parameters()).status());
  for (const auto& model : surroundings->models) {
    octet::DecodeAndAnswer(request, *model, surroundings->regions);
  }
  return 0;
}
