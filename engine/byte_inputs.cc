// SPDX-License-Identifier: Apache-2.0
#include "engine/byte_inputs.h"

#include <optional>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/quant/byte_input.h"

namespace octet::internal {

absl::StatusOr<std::set<std::string>> TakeByteInputs(
    const CalibrationRun& run, QuantizationObserver* observer,
    ir::Graph& graph) {
  std::set<std::string> names;
  for (size_t input : quant::ByteInputCandidates(graph)) {
    const ir::Dims& dims = graph.type(graph.inputs()[input]).dims;
    quant::ByteInputObserver values(dims[1].value);
    for (int64_t i = 0; i < run.samples(); ++i) {
      if (observer != nullptr) {
        OCTET_RETURN_IF_ERROR(
            observer->OnProgress({"calibrate", 0, run.samples()}));
      }
      OCTET_ASSIGN_OR_RETURN(const Sample sample, run.Read(i));
      if (!values.Observe(sample.tensor(input).data<float>(),
                          dims[2].value * dims[3].value)) {
        break;
      }
    }
    const auto lattices = values.Lattices();
    if (!lattices) continue;
    ir::ValueId bytes = 0;
    std::optional<ir::Graph> changed =
        quant::WithByteInput(graph, input, *lattices, &bytes);
    if (!changed) continue;
    names.insert(changed->value(bytes).name);
    graph = *std::move(changed);
  }
  return names;
}

}  // namespace octet::internal
