// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_NPY_HEADER_H_
#define OCTET_ENGINE_IO_NPY_HEADER_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"

namespace octet::io {

// The longest header that is read, magic bytes included: hundreds of times
// what NumPy writes for an array of its largest rank.
inline constexpr size_t kMaxNpyHeaderBytes = 64 * 1024;

// What stands before the elements in a .npy file.
struct NpyHeader {
  DType dtype = DType::kFloat32;
  bool big_endian = false;     // elements are stored high byte first
  bool fortran_order = false;  // first index runs fastest
  Shape shape;
  size_t data_offset = 0;  // bytes from the start of the file to the elements
};

// Reads the header at the start of `bytes` (format versions 1.0, 2.0, 3.0).
// The shape's dimensions are >= 0; whether their product is sane and the
// elements are there is for the caller to check.
//
// DATA_LOSS         not a .npy file, or its header is cut short or malformed.
// INVALID_ARGUMENT  an element type that octet has not, a rank above 32.
absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view bytes);

// The header, padded as the format asks for, of little-endian elements in
// row-major order. INVALID_ARGUMENT for a rank above 32, NumPy's bound.
absl::StatusOr<std::string> FormatNpyHeader(DType dtype,
                                            absl::Span<const int64_t> shape);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_NPY_HEADER_H_
