// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_QUANTIZATION_OUTPUT_H_
#define OCTET_ENGINE_TOOLS_QUANTIZATION_OUTPUT_H_

#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/tools/report.h"

// What `octet-model quantize` says of what it made.
namespace octet::tools {

// `result` as written to the file `output`.
Json QuantizationJson(const std::string& output,
                      const QuantizationOptions& options,
                      const QuantizationResult& result);

// The same on standard output, in a few lines.
void PrintQuantization(const std::string& output,
                       const QuantizationOptions& options,
                       const QuantizationResult& result);

// Layers that are slower in int8, and what became of them.
Json SlowerLayersJson(const std::vector<SlowerLayers>& slower);
void PrintSlowerLayers(const std::vector<SlowerLayers>& slower);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_QUANTIZATION_OUTPUT_H_
