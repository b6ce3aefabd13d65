// SPDX-License-Identifier: Apache-2.0
#include "engine/io/npz.h"

#include <zip.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/status_macros.h"
#include "engine/io/file.h"
#include "engine/io/npy.h"

namespace octet::io {
namespace {

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;

struct CloseEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};

// The most that one byte of Deflate's output can stand for, rounded up. An
// entry that promises more is a lie, and no memory is spent on it.
constexpr uint64_t kLargestDeflateRatio = 1100;

absl::Status Damaged(const char* name, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("entry '", name, "': ", what));
}

absl::StatusOr<std::string> ReadEntry(zip_t* archive, const zip_stat_t& stat) {
  const std::unique_ptr<zip_file_t, CloseEntry> entry(
      zip_fopen_index(archive, stat.index, 0));
  if (entry == nullptr) return Damaged(stat.name, zip_strerror(archive));
  std::string bytes(stat.size, '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const zip_int64_t got =
        zip_fread(entry.get(), &bytes[filled], bytes.size() - filled);
    if (got < 0) {
      return Damaged(stat.name,
                     zip_error_strerror(zip_file_get_error(entry.get())));
    }
    if (got == 0) {
      return Damaged(stat.name,
                     absl::StrCat("expected ", bytes.size(), " bytes, got ",
                                  filled, ": it is cut short"));
    }
    filled += static_cast<size_t>(got);
  }
  // The checksum is compared when the end is reached.
  char beyond = 0;
  const zip_int64_t rest = zip_fread(entry.get(), &beyond, 1);
  if (rest != 0) {
    return Damaged(stat.name, rest > 0 ? "there are more bytes than it says"
                                       : zip_error_strerror(
                                             zip_file_get_error(entry.get())));
  }
  return bytes;
}

// Checks what the archive's directory says of an entry.
absl::Status CheckEntry(const zip_stat_t& stat, int64_t bytes_left) {
  constexpr zip_uint64_t kNeeded =
      ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
  if ((stat.valid & kNeeded) != kNeeded) {
    return absl::DataLossError("an entry without a name or a size");
  }
  const std::string name(stat.name);
  if (!absl::EndsWith(name, ".npy") || name == ".npy") {
    return absl::InvalidArgumentError(absl::StrCat(
        "entry '", name, "' is no array: expected names that end in .npy"));
  }
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 &&
      stat.encryption_method != ZIP_EM_NONE) {
    return absl::InvalidArgumentError(
        absl::StrCat("entry '", name, "' is encrypted"));
  }
  if (stat.size > static_cast<zip_uint64_t>(bytes_left)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("entry '", name, "' has ", stat.size,
                     " bytes where at most ", bytes_left, " are left"));
  }
  if (stat.size / kLargestDeflateRatio > stat.comp_size) {
    return Damaged(stat.name, absl::StrCat("it cannot hold ", stat.size,
                                           " bytes in ", stat.comp_size));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<NamedTensor>> ReadArchive(zip_t* archive,
                                                     int64_t max_bytes) {
  const zip_int64_t entries = zip_get_num_entries(archive, 0);
  if (entries > kMaxNpzArrays) {
    return absl::ResourceExhaustedError(absl::StrCat("the archive holds ",
                                                     entries,
                                                     " entries; expected at "
                                                     "most ",
                                                     kMaxNpzArrays));
  }
  std::vector<NamedTensor> tensors;
  int64_t bytes_left = max_bytes;
  for (zip_int64_t i = 0; i < entries; ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_stat_index(archive, i, 0, &stat) != 0) {
      return absl::DataLossError(zip_strerror(archive));
    }
    OCTET_RETURN_IF_ERROR(CheckEntry(stat, bytes_left));
    bytes_left -= static_cast<int64_t>(stat.size);
    const std::string name(absl::StripSuffix(stat.name, ".npy"));
    if (std::any_of(tensors.begin(), tensors.end(),
                    [&](const NamedTensor& t) { return t.name == name; })) {
      return absl::InvalidArgumentError(
          absl::StrCat("two entries are called '", name, ".npy'"));
    }
    OCTET_ASSIGN_OR_RETURN(const std::string bytes, ReadEntry(archive, stat));
    absl::StatusOr<Tensor> tensor = ParseNpy(bytes);
    if (!tensor.ok()) {
      return absl::Status(
          tensor.status().code(),
          absl::StrCat("entry '", name, ".npy': ", tensor.status().message()));
    }
    tensors.push_back({name, *std::move(tensor)});
  }
  return tensors;
}

absl::StatusOr<std::vector<NamedTensor>> ReadSource(zip_source_t* source,
                                                    int64_t max_bytes) {
  zip_error_t error;
  zip_error_init(&error);
  const absl::Cleanup finish_error = [&error] { zip_error_fini(&error); };
  const Archive archive(zip_open_from_source(source, ZIP_RDONLY, &error));
  if (archive == nullptr) {
    // A source that was not opened stays with its maker.
    zip_source_free(source);
    return absl::DataLossError(
        absl::StrCat("no .npz file: ", zip_error_strerror(&error)));
  }
  return ReadArchive(archive.get(), max_bytes);
}

}  // namespace

absl::StatusOr<std::vector<NamedTensor>> ReadNpz(const std::string& path,
                                                 int64_t max_bytes) {
  // Says what cannot be opened better than the library does.
  OCTET_ASSIGN_OR_RETURN(const auto file, InputFile::Open(path));
  if (file->size() == 0) {
    return absl::DataLossError(
        absl::StrCat(path, ": no .npz file: it is empty"));
  }
  zip_source_t* source = zip_source_file_create(path.c_str(), 0, -1, nullptr);
  if (source == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": no memory to open it"));
  }
  auto tensors = ReadSource(source, max_bytes);
  if (!tensors.ok()) {
    return absl::Status(tensors.status().code(),
                        absl::StrCat(path, ": ", tensors.status().message()));
  }
  return tensors;
}

absl::StatusOr<std::vector<NamedTensor>> ParseNpz(absl::string_view bytes,
                                                  int64_t max_bytes) {
  // The library takes nothing at all for an archive without entries.
  if (bytes.empty()) return absl::DataLossError("no .npz file: it is empty");
  zip_source_t* source =
      zip_source_buffer_create(bytes.data(), bytes.size(), 0, nullptr);
  if (source == nullptr) {
    return absl::ResourceExhaustedError("no memory to read an archive");
  }
  return ReadSource(source, max_bytes);
}

}  // namespace octet::io
