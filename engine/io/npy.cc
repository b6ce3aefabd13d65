// SPDX-License-Identifier: Apache-2.0
#include "engine/io/npy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/io/file.h"
#include "engine/io/npy_header.h"

namespace octet::io {
namespace {

// Elements are copied between file and memory as they are.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

constexpr int64_t kMaxDataBytes = int64_t{16} << 30;

// Where the bytes of a .npy file come from.
class Source {
 public:
  virtual ~Source() = default;
  virtual int64_t size() const = 0;
  virtual absl::Status ReadAt(int64_t offset,
                              absl::Span<std::byte> to) const = 0;
};

class MemorySource : public Source {
 public:
  explicit MemorySource(absl::string_view bytes) : bytes_(bytes) {}
  int64_t size() const override { return bytes_.size(); }
  // REQUIRES: offset + to.size() <= size().
  absl::Status ReadAt(int64_t offset, absl::Span<std::byte> to) const override {
    std::memcpy(to.data(), bytes_.data() + offset, to.size());
    return absl::OkStatus();
  }

 private:
  const absl::string_view bytes_;
};

class FileSource : public Source {
 public:
  explicit FileSource(const InputFile& file) : file_(file) {}
  int64_t size() const override { return file_.size(); }
  absl::Status ReadAt(int64_t offset, absl::Span<std::byte> to) const override {
    return file_.ReadAt(offset, to);
  }

 private:
  const InputFile& file_;
};

absl::Status CheckSize(const NpyHeader& header, int64_t file_bytes) {
  const int64_t element_bytes = SizeOf(header.dtype);
  absl::StatusOr<int64_t> count =
      CheckedElementCount(header.shape, kMaxDataBytes / element_bytes);
  if (!count.ok())
    return absl::ResourceExhaustedError(count.status().message());
  const int64_t expected = *count * element_bytes;
  const int64_t got = file_bytes - static_cast<int64_t>(header.data_offset);
  if (got == expected) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "an array of ", Name(header.dtype), " ", ShapeToString(header.shape),
      " has ", expected, " bytes of elements; the file has ", got,
      got < expected ? ": it is cut short" : ": something follows the array"));
}

void SwapBytes(Tensor* tensor) {
  const size_t size = SizeOf(tensor->dtype());
  std::byte* element = tensor->mutable_bytes();
  for (int64_t i = 0; i < tensor->size(); ++i, element += size) {
    std::reverse(element, element + size);
  }
}

// The elements of `fortran`, which run first index fastest, in row-major
// order.
Tensor ToRowMajor(const Tensor& fortran) {
  const Shape& shape = fortran.shape();
  const size_t size = SizeOf(fortran.dtype());
  Tensor result(fortran.dtype(), shape);
  if (fortran.size() == 0 || shape.empty()) return fortran;
  std::vector<int64_t> strides(shape.size());  // of the source, in elements
  int64_t stride = 1;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  std::vector<int64_t> index(shape.size(), 0);
  std::byte* to = result.mutable_bytes();
  int64_t from = 0;
  for (int64_t i = 0; i < fortran.size(); ++i, to += size) {
    std::memcpy(to, fortran.bytes() + from * size, size);
    for (size_t axis = shape.size(); axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}

absl::StatusOr<NpyHeader> ReadHeader(const Source& source) {
  std::string start(std::min<int64_t>(source.size(), kMaxNpyHeaderBytes), '\0');
  OCTET_RETURN_IF_ERROR(source.ReadAt(
      0, {reinterpret_cast<std::byte*>(start.data()), start.size()}));
  OCTET_ASSIGN_OR_RETURN(NpyHeader header, ParseNpyHeader(start));
  OCTET_RETURN_IF_ERROR(CheckSize(header, source.size()));
  return header;
}

absl::StatusOr<Tensor> ReadFrom(const Source& source) {
  OCTET_ASSIGN_OR_RETURN(NpyHeader header, ReadHeader(source));
  Tensor tensor(header.dtype, header.shape);
  OCTET_RETURN_IF_ERROR(source.ReadAt(
      header.data_offset, {tensor.mutable_bytes(), tensor.byte_size()}));
  if (header.big_endian) SwapBytes(&tensor);
  if (header.dtype == DType::kBool) {
    // A C++ bool of any other byte value is undefined behaviour to read.
    std::byte* bytes = tensor.mutable_bytes();
    std::transform(bytes, bytes + tensor.byte_size(), bytes, [](std::byte b) {
      return b == std::byte{0} ? b : std::byte{1};
    });
  }
  return header.fortran_order ? ToRowMajor(tensor) : tensor;
}

}  // namespace

absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes) {
  return ReadFrom(MemorySource(bytes));
}

absl::StatusOr<Tensor> ReadNpy(const std::string& path) {
  OCTET_ASSIGN_OR_RETURN(auto file, InputFile::Open(path));
  absl::StatusOr<Tensor> tensor = ReadFrom(FileSource(*file));
  if (!tensor.ok()) {
    return absl::Status(tensor.status().code(),
                        absl::StrCat(path, ": ", tensor.status().message()));
  }
  return tensor;
}

absl::StatusOr<std::optional<NpyElements>> FindNpyElements(
    const InputFile& file) {
  OCTET_ASSIGN_OR_RETURN(NpyHeader header, ReadHeader(FileSource(file)));
  if (header.big_endian || header.fortran_order ||
      header.dtype == DType::kBool) {
    return std::nullopt;
  }
  return NpyElements{header.dtype, std::move(header.shape),
                     static_cast<int64_t>(header.data_offset)};
}

absl::StatusOr<std::string> SerializeNpy(const Tensor& tensor) {
  OCTET_ASSIGN_OR_RETURN(std::string bytes,
                         FormatNpyHeader(tensor.dtype(), tensor.shape()));
  bytes.append(reinterpret_cast<const char*>(tensor.bytes()),
               tensor.byte_size());
  return bytes;
}

absl::Status WriteNpy(const std::string& path, const Tensor& tensor) {
  OCTET_ASSIGN_OR_RETURN(const std::string header,
                         FormatNpyHeader(tensor.dtype(), tensor.shape()));
  const absl::string_view pieces[] = {
      header,
      {reinterpret_cast<const char*>(tensor.bytes()), tensor.byte_size()}};
  return WriteFileAtomically(path, pieces);
}

}  // namespace octet::io
