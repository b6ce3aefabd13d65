// SPDX-License-Identifier: Apache-2.0
#include "engine/io/audio.h"

#include <sndfile.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/io/file.h"

namespace octet::io {
namespace {

constexpr int64_t kMaxAudioFileBytes = int64_t{1} << 30;
constexpr int kMaxChannels = 256;

// A file in memory, as libsndfile asks for one.
struct MemoryFile {
  absl::string_view bytes;
  sf_count_t position = 0;
};

sf_count_t Size(void* user_data) {
  return static_cast<sf_count_t>(
      static_cast<MemoryFile*>(user_data)->bytes.size());
}

sf_count_t Seek(sf_count_t offset, int whence, void* user_data) {
  auto* const file = static_cast<MemoryFile*>(user_data);
  const sf_count_t size = Size(user_data);
  const sf_count_t base = whence == SEEK_SET   ? 0
                          : whence == SEEK_CUR ? file->position
                                               : size;
  if (offset < -base || offset > size - base) return -1;
  file->position = base + offset;
  return file->position;
}

sf_count_t Read(void* to, sf_count_t count, void* user_data) {
  auto* const file = static_cast<MemoryFile*>(user_data);
  const sf_count_t got =
      std::clamp<sf_count_t>(count, 0, Size(user_data) - file->position);
  std::memcpy(to, file->bytes.data() + file->position, got);
  file->position += got;
  return got;
}

sf_count_t Tell(void* user_data) {
  return static_cast<MemoryFile*>(user_data)->position;
}

struct CloseSound {
  void operator()(SNDFILE* file) const { sf_close(file); }
};

absl::Status CheckHeader(const SF_INFO& info) {
  const int container = info.format & SF_FORMAT_TYPEMASK;
  if (container != SF_FORMAT_WAV && container != SF_FORMAT_WAVEX) {
    return absl::InvalidArgumentError("no WAV file, but another kind of sound");
  }
  if (info.channels < 1 || info.channels > kMaxChannels ||
      info.samplerate < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("WAV: ", info.channels, " channels at ", info.samplerate,
                     " frames a second; expected 1 to ", kMaxChannels,
                     " channels and a positive rate"));
  }
  if (info.frames < 1) return absl::DataLossError("WAV: it holds no samples");
  if (info.frames > kMaxAudioSamples / info.channels) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "WAV: ", info.frames, " frames of ", info.channels,
        " samples; expected at most ", kMaxAudioSamples, " samples"));
  }
  return absl::OkStatus();
}

// Whether the samples that the file's chunk `data` promises are there:
// libsndfile itself takes what it finds without a word.
absl::Status CheckWhole(absl::string_view bytes) {
  // Recorders that write to a pipe cannot know the size and leave this.
  constexpr size_t kUnknownSize = 0xffffffff;
  constexpr size_t kHeader = 8;  // of a chunk: its name and its size
  size_t at = 12;
  while (at + kHeader <= bytes.size()) {
    uint32_t field = 0;
    std::memcpy(&field, bytes.data() + at + 4, sizeof(field));
    const size_t size = field;
    const size_t there = bytes.size() - at - kHeader;
    if (bytes.substr(at, 4) == "data") {
      if (size == kUnknownSize || size <= there) return absl::OkStatus();
      return absl::DataLossError(absl::StrCat("WAV: expected ", size,
                                              " bytes of samples, got ", there,
                                              ": it is cut short"));
    }
    at += kHeader + size + (size & 1);
  }
  return absl::DataLossError("WAV: it holds no samples");
}

}  // namespace

absl::StatusOr<Audio> ParseAudio(absl::string_view bytes) {
  if (bytes.size() < 12 || !absl::StartsWith(bytes, "RIFF") ||
      bytes.substr(8, 4) != "WAVE") {
    return absl::InvalidArgumentError(
        "no WAV file: it does not begin with RIFF and WAVE");
  }
  MemoryFile file{bytes};
  SF_VIRTUAL_IO io = {Size, Seek, Read, nullptr, Tell};
  SF_INFO info = {};
  const std::unique_ptr<SNDFILE, CloseSound> sound(
      sf_open_virtual(&io, SFM_READ, &info, &file));
  if (sound == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("WAV: ", sf_strerror(nullptr)));
  }
  OCTET_RETURN_IF_ERROR(CheckHeader(info));
  OCTET_RETURN_IF_ERROR(CheckWhole(bytes));
  Audio audio;
  audio.sample_rate = info.samplerate;
  audio.samples = Tensor(DType::kFloat32, {info.frames, info.channels});
  const sf_count_t got = sf_readf_float(
      sound.get(), audio.samples.mutable_data<float>().data(), info.frames);
  if (got != info.frames) {
    return absl::DataLossError(absl::StrCat("WAV: expected ", info.frames,
                                            " frames, got ", got,
                                            ": it is cut short or damaged"));
  }
  return audio;
}

absl::StatusOr<Audio> ReadAudio(const std::string& path) {
  OCTET_ASSIGN_OR_RETURN(const std::string bytes,
                         ReadFile(path, kMaxAudioFileBytes));
  absl::StatusOr<Audio> audio = ParseAudio(bytes);
  if (!audio.ok()) {
    return absl::Status(audio.status().code(),
                        absl::StrCat(path, ": ", audio.status().message()));
  }
  return audio;
}

}  // namespace octet::io
