// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_INPUT_FILES_H_
#define OCTET_CLIENT_CLI_INPUT_FILES_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/cli/model_rows.h"
#include "engine/base/tensor.h"
#include "proto/inference.pb.h"

// Files that users have, as a model's inputs.
namespace octet::cli {

// The flags that say how pictures and sound become numbers, as they stand on
// the command line. Lists are checked by CLI11, names by MakeRowForm().
struct RowFlags {
  RowForm form;
  std::string fit = "cover";
  std::string channel_order = "keep";
};

// Adds --mean, --scale, --fit, --channel-order and --sample-rate to `command`.
// `flags` must outlive it.
void AddRowFlags(CLI::App* command, RowFlags* flags);

// What the flags say. REQUIRES: they were parsed.
RowForm MakeRowForm(const RowFlags& flags);

// Asks the server for the model's inputs; called at most once, and only where
// the files do not say everything.
using AskMetadata =
    std::function<absl::StatusOr<inference::ModelMetadataResponse>()>;

// Reads `arguments`, each NAME=FILE or, where the model has one input, FILE:
//   .npy                 rows of the input
//   .npz                 rows of the input, or of all inputs where no NAME is
//                        given: its arrays are called as the inputs are
//   .png .jpg .jpeg      one row
//   .wav                 one row
//   a folder             its pictures and sounds, a row each, by name
// An input named several times gets all rows, in order.
// INVALID_ARGUMENT for files of another kind, and rows that do not fit
// together; otherwise as the readers of engine/io.
absl::StatusOr<std::vector<NamedTensor>> ReadInputFiles(
    absl::Span<const std::string> arguments, const RowForm& form,
    const AskMetadata& ask);

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_INPUT_FILES_H_
