// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_NPZ_H_
#define OCTET_ENGINE_IO_NPZ_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/tensor.h"

// NumPy's archives of arrays: zip files of .npy files, compressed or not.
//
// Archives are not trusted: sizes are checked before memory is allocated, and
// every array against its checksum.
namespace octet::io {

// How many arrays an archive may hold.
inline constexpr int64_t kMaxNpzArrays = 1000;

// The bytes that the arrays of an archive may have in all, unless a caller
// allows less.
inline constexpr int64_t kMaxNpzBytes = int64_t{16} << 30;

// Reads every array, in the order of the archive; an entry `x.npy` gives the
// array `x`. Takes as much memory as the arrays do, and the largest one's
// once more.
//
// NOT_FOUND, PERMISSION_DENIED  the file cannot be opened.
// DATA_LOSS           no zip file; cut short; a checksum does not fit; an
//                     entry that is no .npy file (see ParseNpy()).
// INVALID_ARGUMENT    an entry without `.npy` in its name, encrypted, or with
//                     the name of another one; an element type that octet has
//                     not.
// RESOURCE_EXHAUSTED  more than kMaxNpzArrays arrays or `max_bytes` bytes.
absl::StatusOr<std::vector<NamedTensor>> ReadNpz(
    const std::string& path, int64_t max_bytes = kMaxNpzBytes);

// ReadNpz() of an archive in memory.
absl::StatusOr<std::vector<NamedTensor>> ParseNpz(
    absl::string_view bytes, int64_t max_bytes = kMaxNpzBytes);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_NPZ_H_
