// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_NPY_H_
#define OCTET_ENGINE_IO_NPY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/tensor.h"
#include "engine/io/file.h"

// NumPy's array files: format versions 1.0, 2.0 and 3.0, every DType.
//
// Files are not trusted: sizes are checked against the bytes that are there
// before anything is allocated.
namespace octet::io {

// Reads an array. Big-endian elements and Fortran order are converted; any
// non-zero byte of a bool array is read as true.
//
// DATA_LOSS           not a .npy file; cut short; bytes behind the elements.
// INVALID_ARGUMENT    an element type or rank that octet has not.
// RESOURCE_EXHAUSTED  more than 16 GiB.
absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes);

// ParseNpy() of a file, which is named in the errors; also NOT_FOUND and
// PERMISSION_DENIED. Takes no more memory than the tensor does.
absl::StatusOr<Tensor> ReadNpy(const std::string& path);

// Where the elements of an array lie in its file, in row-major order and as
// memory has them.
struct NpyElements {
  DType dtype = DType::kFloat32;
  Shape shape;
  int64_t offset = 0;  // bytes from the start of the file
};

// The same without reading them; nothing for a file whose elements have to be
// converted (Fortran order, big-endian, bool). Errors as ReadNpy(), but for the
// path, which they do not name.
absl::StatusOr<std::optional<NpyElements>> FindNpyElements(
    const InputFile& file);

// Writes format version 1.0, little-endian, row-major. bfloat16 is written as
// NumPy's two opaque bytes ('V2'), as its extension packages do.
// INVALID_ARGUMENT for a tensor of more than 32 dimensions.
absl::StatusOr<std::string> SerializeNpy(const Tensor& tensor);

// SerializeNpy() into a file, which is replaced in one step. Errors as
// WriteFileAtomically().
absl::Status WriteNpy(const std::string& path, const Tensor& tensor);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_NPY_H_
