// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_FUZZ_FUZZ_TARGET_H_
#define OCTET_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "engine/base/check.h"

// What every fuzz target defines: any bytes are survived; returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace octet {

// Also of every fuzz target: its folder in tests/fuzz/corpus.
extern const char kFuzzCorpus[];

// INTERNAL stands for a bug of ours and ends the program, which is a finding;
// every other error is an answer.
inline void ExpectNoBug(const absl::Status& status) {
  OCTET_CHECK(!absl::IsInternal(status));
}

}  // namespace octet

#endif  // OCTET_TESTS_FUZZ_FUZZ_TARGET_H_
