// SPDX-License-Identifier: Apache-2.0
#include "engine/io/input_files.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/io/join_rows.h"
#include "engine/io/npy.h"

namespace octet::io {
namespace {

// Collects the rows of each input in the order in which they come.
class CollectedInputs : public InputSink {
 public:
  absl::Status AddNpy(std::string name, const std::string& path) override {
    OCTET_ASSIGN_OR_RETURN(Tensor rows, ReadNpy(path));
    return Add(std::move(name), std::move(rows));
  }

  absl::Status Add(std::string name, Tensor rows) override {
    auto place = std::find_if(
        pieces_.begin(), pieces_.end(),
        [&](const auto& pieces) { return pieces[0].name == name; });
    if (place == pieces_.end()) place = pieces_.insert(pieces_.end(), {{}});
    place->push_back({std::move(name), std::move(rows)});
    return absl::OkStatus();
  }

  absl::Status AddRow(std::string name, Tensor row) override {
    return Add(std::move(name), std::move(row));
  }

  absl::StatusOr<std::vector<NamedTensor>> Joined() const {
    std::vector<NamedTensor> inputs;
    for (const auto& pieces : pieces_) {
      std::vector<Tensor> tensors;
      for (const NamedTensor& piece : pieces) tensors.push_back(piece.tensor);
      auto joined = JoinRows(tensors);
      if (!joined.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("rows of input '", pieces[0].name,
                         "' do not fit together: ", joined.status().message()));
      }
      inputs.push_back({pieces[0].name, *std::move(joined)});
    }
    return inputs;
  }

 private:
  std::vector<std::vector<NamedTensor>> pieces_;  // of each input, in order
};

}  // namespace

absl::StatusOr<std::vector<NamedTensor>> ReadInputFiles(
    absl::Span<const std::string> arguments, const RowForm& form,
    const AskInputs& ask) {
  CollectedInputs inputs;
  OCTET_RETURN_IF_ERROR(VisitInputArguments(arguments, form, ask, &inputs));
  return inputs.Joined();
}

}  // namespace octet::io
