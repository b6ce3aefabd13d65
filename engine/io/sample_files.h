// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_SAMPLE_FILES_H_
#define OCTET_ENGINE_IO_SAMPLE_FILES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/sample_source.h"
#include "engine/io/file.h"
#include "engine/io/input_arguments.h"

namespace octet::io {

// Samples that stay on disk, so that there may be any number of them: rows of
// .npy files are read where they lie; pictures and sounds are read once and
// kept as rows in a ScratchFile. In memory are only arrays of .npz files, and
// of .npy files whose elements have to be converted. Thread-safe.
class SampleFiles : public SampleSource, private InputSink {
 public:
  // `arguments` as input_arguments.h says. Errors as ReadInputFiles() and
  // ScratchFile.
  static absl::StatusOr<std::unique_ptr<SampleFiles>> Open(
      absl::Span<const std::string> arguments, const RowForm& form,
      const AskInputs& ask);

  // Says of tensors()[tensor] that it has `shape`.
  // REQUIRES: as many samples and elements as before; nobody reads meanwhile.
  void Reshape(size_t tensor, Shape shape);

  absl::Span<const SampleTensor> tensors() const override { return described_; }
  // DATA_LOSS where a file has become shorter.
  absl::StatusOr<Tensor> Read(size_t tensor, int64_t sample) const override;
  int64_t memory_bytes() const override;

 private:
  // Samples that lie behind each other.
  struct Piece {
    int64_t end = 0;     // of its samples, counted from the input's first
    int64_t offset = 0;  // bytes, in the file
    std::shared_ptr<const InputFile> file = nullptr;  // null: scratch_
    std::optional<Tensor> memory = std::nullopt;      // instead of a file
  };

  SampleFiles() = default;

  absl::Status AddNpy(std::string name, const std::string& path) override;
  absl::Status Add(std::string name, Tensor rows) override;
  absl::Status AddRow(std::string name, Tensor row) override;
  // Where `rows` of an input belong, which are counted in. INVALID_ARGUMENT
  // where they do not fit what it has.
  absl::StatusOr<std::vector<Piece>*> PlaceFor(std::string name, DType dtype,
                                               const Shape& rows);

  std::vector<SampleTensor> described_;
  std::vector<std::vector<Piece>> pieces_;  // of each input, in order
  std::unique_ptr<ScratchFile> scratch_;    // null until there is a row
};

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_SAMPLE_FILES_H_
