// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_INPUT_ARGUMENTS_H_
#define OCTET_ENGINE_IO_INPUT_ARGUMENTS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "engine/io/model_rows.h"

// The arguments of command lines that name files of samples:
//   .npy                 rows of the input
//   .npz                 rows of the input, or of all inputs where no NAME is
//                        given: its arrays are called as the inputs are
//   .png .jpg .jpeg      one row
//   .wav                 one row
//   a folder             its pictures and sounds, a row each, by name
// each NAME=FILE or, where the model has one input, FILE. An input named
// several times gets all rows, in order.
namespace octet::io {

// Asks for the model's inputs; called at most once, and only where the files
// do not say everything.
using AskInputs = std::function<absl::StatusOr<std::vector<RowInput>>()>;

// Takes what the files of an input hold. A status other than OK ends the visit.
class InputSink {
 public:
  virtual ~InputSink() = default;
  // The array of a .npy file, which was not opened yet.
  virtual absl::Status AddNpy(std::string name, const std::string& path) = 0;
  // The array of an archive.
  virtual absl::Status Add(std::string name, Tensor rows) = 0;
  // A picture or a sound, [1, ...].
  virtual absl::Status AddRow(std::string name, Tensor row) = 0;
};

// Shows `sink` what `arguments` name. INVALID_ARGUMENT for files of another
// kind; otherwise as the readers of this folder, and what `sink` says.
absl::Status VisitInputArguments(absl::Span<const std::string> arguments,
                                 const RowForm& form, const AskInputs& ask,
                                 InputSink* sink);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_INPUT_ARGUMENTS_H_
