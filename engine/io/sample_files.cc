// SPDX-License-Identifier: Apache-2.0
#include "engine/io/sample_files.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/io/join_rows.h"
#include "engine/io/npy.h"

namespace octet::io {

absl::StatusOr<std::unique_ptr<SampleFiles>> SampleFiles::Open(
    absl::Span<const std::string> arguments, const RowForm& form,
    const AskInputs& ask) {
  std::unique_ptr<SampleFiles> files(new SampleFiles());
  OCTET_RETURN_IF_ERROR(VisitInputArguments(arguments, form, ask, files.get()));
  return files;
}

void SampleFiles::Reshape(size_t tensor, Shape shape) {
  Shape& described = described_[tensor].shape;
  OCTET_CHECK(ElementCount(shape) == ElementCount(described) &&
              shape.empty() == described.empty() &&
              (shape.empty() || shape[0] == described[0]));
  described = std::move(shape);
}

absl::StatusOr<Tensor> SampleFiles::Read(size_t tensor, int64_t sample) const {
  const SampleTensor& described = described_[tensor];
  const std::vector<Piece>& pieces = pieces_[tensor];
  const auto piece = std::upper_bound(
      pieces.begin(), pieces.end(), sample,
      [](int64_t wanted, const Piece& p) { return wanted < p.end; });
  const int64_t begin = piece == pieces.begin() ? 0 : std::prev(piece)->end;
  const int64_t index = sample - begin;
  const Shape shape(described.shape.begin() + 1, described.shape.end());
  if (piece->memory) {
    return piece->memory->Rows(index, index + 1).Reshaped(shape);
  }
  Tensor row(described.dtype, shape);
  const auto size = static_cast<int64_t>(row.byte_size());
  const int64_t offset = piece->offset + index * size;
  const absl::Span<std::byte> to(row.mutable_bytes(), row.byte_size());
  OCTET_RETURN_IF_ERROR(piece->file != nullptr ? piece->file->ReadAt(offset, to)
                                               : scratch_->ReadAt(offset, to));
  return row;
}

int64_t SampleFiles::memory_bytes() const {
  int64_t bytes = 0;
  for (const std::vector<Piece>& pieces : pieces_) {
    for (const Piece& piece : pieces) {
      if (piece.memory)
        bytes += static_cast<int64_t>(piece.memory->byte_size());
    }
  }
  return bytes;
}

absl::StatusOr<std::vector<SampleFiles::Piece>*> SampleFiles::PlaceFor(
    std::string name, DType dtype, const Shape& rows) {
  const auto found = std::find_if(
      described_.begin(), described_.end(),
      [&](const SampleTensor& tensor) { return tensor.name == name; });
  if (found == described_.end()) {
    described_.push_back({std::move(name), dtype, rows});
    return &pieces_.emplace_back();
  }
  const absl::Status fits =
      CheckRowsFit(found->dtype, found->shape, dtype, rows);
  if (!fits.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "rows of input '", name, "' do not fit together: ", fits.message()));
  }
  found->shape[0] += rows[0];
  return &pieces_[found - described_.begin()];
}

absl::Status SampleFiles::AddNpy(std::string name, const std::string& path) {
  OCTET_ASSIGN_OR_RETURN(std::shared_ptr<const InputFile> file,
                         InputFile::Open(path));
  absl::StatusOr<std::optional<NpyElements>> elements = FindNpyElements(*file);
  if (!elements.ok()) {
    return absl::Status(elements.status().code(),
                        absl::StrCat(path, ": ", elements.status().message()));
  }
  if (!*elements) {
    OCTET_ASSIGN_OR_RETURN(Tensor rows, ReadNpy(path));
    return Add(std::move(name), std::move(rows));
  }
  const Shape& shape = (*elements)->shape;
  OCTET_ASSIGN_OR_RETURN(std::vector<Piece> * pieces,
                         PlaceFor(std::move(name), (*elements)->dtype, shape));
  if (shape.empty() || shape[0] == 0) return absl::OkStatus();
  const int64_t begin = pieces->empty() ? 0 : pieces->back().end;
  pieces->push_back({begin + shape[0], (*elements)->offset, std::move(file)});
  return absl::OkStatus();
}

absl::Status SampleFiles::Add(std::string name, Tensor rows) {
  OCTET_ASSIGN_OR_RETURN(std::vector<Piece> * pieces,
                         PlaceFor(std::move(name), rows.dtype(), rows.shape()));
  if (rows.shape().empty() || rows.shape()[0] == 0) return absl::OkStatus();
  Piece piece;
  piece.end = (pieces->empty() ? 0 : pieces->back().end) + rows.shape()[0];
  piece.memory = std::move(rows);
  pieces->push_back(std::move(piece));
  return absl::OkStatus();
}

absl::Status SampleFiles::AddRow(std::string name, Tensor row) {
  if (scratch_ == nullptr) {
    OCTET_ASSIGN_OR_RETURN(scratch_, ScratchFile::Create());
  }
  OCTET_ASSIGN_OR_RETURN(std::vector<Piece> * pieces,
                         PlaceFor(std::move(name), row.dtype(), row.shape()));
  const int64_t offset = scratch_->size();
  OCTET_RETURN_IF_ERROR(scratch_->Append(absl::string_view(
      reinterpret_cast<const char*>(row.bytes()), row.byte_size())));
  const int64_t begin = pieces->empty() ? 0 : pieces->back().end;
  pieces->push_back({begin + row.shape()[0], offset});
  return absl::OkStatus();
}

}  // namespace octet::io
