// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_ROW_FLAGS_H_
#define OCTET_ENGINE_TOOLS_ROW_FLAGS_H_

#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/sample_source.h"
#include "engine/io/model_rows.h"

// Samples of a model's inputs from files that users have, pictures and sound
// among them.
namespace octet::tools {

// How pictures and sound become numbers, as the command line says it; the same
// flags as those of `octet quantize`.
struct RowFlags {
  io::RowForm form;
  std::string fit = "cover";
  std::string channel_order = "keep";

  // REQUIRES: they were parsed.
  io::RowForm ToForm() const;
};

// --mean, --scale, --fit, --channel-order and --sample-rate. `flags` must
// outlive `command`.
void AddRowFlags(CLI::App& command, RowFlags* flags);

// The samples of `arguments` (io::SampleFiles) as QuantizeFrom() takes them,
// for the model of `bytes`, which is loaded where the files do not say all.
absl::StatusOr<std::unique_ptr<SampleSource>> OpenSamples(
    absl::string_view bytes, absl::Span<const std::string> arguments,
    const RowFlags& flags);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_ROW_FLAGS_H_
