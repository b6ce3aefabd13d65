// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_INPUT_FILES_H_
#define OCTET_CLIENT_CLI_INPUT_FILES_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "engine/io/model_rows.h"
#include "proto/inference.pb.h"

// The flags that make a model's inputs of files that users have; engine/io
// reads them.
namespace octet::cli {

// The flags that say how pictures and sound become numbers, as they stand on
// the command line. Lists are checked by CLI11, names by MakeRowForm().
struct RowFlags {
  io::RowForm form;
  std::string fit = "cover";
  std::string channel_order = "keep";
};

// Adds --mean, --scale, --fit, --channel-order and --sample-rate to `command`.
// `flags` must outlive it.
void AddRowFlags(CLI::App* command, RowFlags* flags);

// What the flags say. REQUIRES: they were parsed.
io::RowForm MakeRowForm(const RowFlags& flags);

// The inputs of a model as its server tells them. UNIMPLEMENTED for elements
// that have no fixed size.
absl::StatusOr<std::vector<io::RowInput>> RowInputs(
    const inference::ModelMetadataResponse& model);

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_INPUT_FILES_H_
