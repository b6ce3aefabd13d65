// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_AUDIO_H_
#define OCTET_ENGINE_IO_AUDIO_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/tensor.h"

// Sound from WAV files.
//
// Files are not trusted: what a header promises is not allocated before it is
// there.
namespace octet::io {

// Samples that a file may have, all channels counted: 46 minutes of CD sound.
inline constexpr int64_t kMaxAudioSamples = int64_t{1} << 28;

// A piece of sound.
struct Audio {
  // float32 of shape [frames, channels], -1 to 1. Integers of n bits are
  // divided by 2^(n-1); floats stay as they are.
  Tensor samples;
  int64_t sample_rate = 0;  // frames a second
};

// Decodes a WAV file: integers of 8 to 32 bits, floats of 32 and 64, A-law,
// mu-law and the ADPCM forms.
//
// INVALID_ARGUMENT    no WAV file, or a form of samples that is unknown.
// DATA_LOSS           it holds no samples, or fewer than it says.
// RESOURCE_EXHAUSTED  more than kMaxAudioSamples.
absl::StatusOr<Audio> ParseAudio(absl::string_view bytes);

// ParseAudio() of a file, which is named in the errors; also NOT_FOUND and
// PERMISSION_DENIED.
absl::StatusOr<Audio> ReadAudio(const std::string& path);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_AUDIO_H_
