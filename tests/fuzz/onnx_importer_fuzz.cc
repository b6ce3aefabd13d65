// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as a model: imported, optimized, lowered, and written as a
// file that is imported again. What is wrong with them comes back as a Status;
// INTERNAL, a bug of ours, counts as a finding.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/ir/infer_types.h"
#include "engine/onnx/exporter.h"
#include "engine/onnx/importer.h"
#include "engine/optimize.h"
#include "tests/fuzz/fuzz_target.h"

namespace octet {
namespace {

// Larger files find nothing that these don't, and take longer.
constexpr size_t kMostBytes = 4096;
// Every patch of a pass copies the graph.
constexpr size_t kMostNodes = 60;

void OptimizeAndLower(const ir::Graph& imported) {
  OCTET_CHECK(ir::VerifyGraph(imported).ok());
  if (imported.nodes().size() > kMostNodes) return;
  const auto optimized = internal::Optimize(imported, /*exact_qdq=*/false);
  ExpectNoBug(optimized.status());
  if (!optimized.ok()) return;
  const auto lowered = internal::Lower(*optimized);
  ExpectNoBug(lowered.status());
  if (lowered.ok()) OCTET_CHECK(ir::VerifyGraph(*lowered).ok());
}

// What the exporter makes of a graph must be a model that the importer takes.
void WriteAndReadAgain(const ir::Graph& graph) {
  const auto bytes = onnx::ExportModel(graph);
  ExpectNoBug(bytes.status());
  if (!bytes.ok()) return;
  const auto again = onnx::ImportModel(*bytes, internal::ReferenceEvaluator());
  OCTET_CHECK(again.ok() || absl::IsResourceExhausted(again.status()));
}

// The first stage of a model whose shapes a run decides, for extents of 2.
void ImportFirstStage(const onnx::StagedImport& staged) {
  std::vector<onnx::StageInput> inputs;
  for (const onnx::DeclaredTensor& declared : staged.inputs()) {
    onnx::StageInput input;
    input.name = declared.name;
    input.type.dtype = declared.dtype;
    for (const auto& dim : declared.dims) {
      input.type.dims.push_back(ir::Dim::Fixed(dim.value_or(2)));
    }
    inputs.push_back(std::move(input));
  }
  const auto stage = staged.Import(*staged.start(), inputs);
  ExpectNoBug(stage.status());
  if (stage.ok()) OptimizeAndLower(stage->graph);
}

}  // namespace

const char kFuzzCorpus[] = "onnx_importer";

}  // namespace octet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > octet::kMostBytes) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto model =
      octet::onnx::ImportModel(bytes, octet::internal::ReferenceEvaluator());
  octet::ExpectNoBug(model.status());
  if (!model.ok()) return 0;
  if (model->staged != nullptr) {
    octet::ImportFirstStage(*model->staged);
  } else {
    octet::OptimizeAndLower(model->graph);
    octet::WriteAndReadAgain(model->graph);
  }
  return 0;
}
