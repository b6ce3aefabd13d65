// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/onednn/backend.h"
#include "engine/onnx/importer.h"
#include "engine/simd/cpu_features.h"

namespace octet {
namespace {

std::string CpuModelName() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (!absl::StartsWith(line, "model name")) continue;
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (parts.size() == 2) {
      return std::string(absl::StripAsciiWhitespace(parts[1]));
    }
  }
  return "unknown";
}

// Instruction sets that octet uses where they are there, but that no machine of
// ours had.
std::string UntestedIsa(const simd::CpuFeatures& features) {
  return features.amx_int8 ? "amx_int8" : "";
}

}  // namespace

MachineDescription DescribeMachine() {
  const simd::CpuFeatures& features = simd::DetectedCpuFeatures();
  MachineDescription machine;
  machine.cpu = CpuModelName();
  machine.isa = std::string(simd::IsaName(simd::ActiveIsa()));
  machine.exact_int8_in_onednn = onednn::IntegerProductsAreExact();
  machine.untested_isa = UntestedIsa(features);
  return machine;
}

absl::string_view Version() { return OCTET_VERSION; }

absl::StatusOr<NamedTensor> ParseTensorProto(absl::string_view bytes) {
  return onnx::ImportTensor(bytes);
}

}  // namespace octet
