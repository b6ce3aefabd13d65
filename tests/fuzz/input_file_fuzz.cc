// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as a file of samples or of labels: .npy, .npz, .csv.
#include <cstring>

#include "absl/strings/string_view.h"
#include "engine/io/labels.h"
#include "engine/io/npy.h"
#include "engine/io/npz.h"
#include "tests/fuzz/fuzz_target.h"

namespace octet {
namespace {

// A small archive may hold much; memory is for finding what is not bounded.
constexpr int64_t kMostBytes = int64_t{1} << 24;

// An array that is read is written as one that reads the same.
void WriteAndReadAgain(const Tensor& tensor) {
  const auto bytes = io::SerializeNpy(tensor);
  ExpectNoBug(bytes.status());
  if (!bytes.ok()) return;
  const auto again = io::ParseNpy(*bytes);
  OCTET_CHECK(
      again.ok() && again->dtype() == tensor.dtype() &&
      again->shape() == tensor.shape() &&
      (tensor.byte_size() == 0 ||
       std::memcmp(again->bytes(), tensor.bytes(), tensor.byte_size()) == 0));
}

}  // namespace

const char kFuzzCorpus[] = "input_file";

}  // namespace octet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto array = octet::io::ParseNpy(bytes);
  octet::ExpectNoBug(array.status());
  if (array.ok()) octet::WriteAndReadAgain(*array);
  const auto archive = octet::io::ParseNpz(bytes, octet::kMostBytes);
  octet::ExpectNoBug(archive.status());
  if (archive.ok()) {
    for (const auto& named : *archive) octet::WriteAndReadAgain(named.tensor);
  }
  octet::ExpectNoBug(octet::io::ParseLabelsCsv(bytes).status());
  return 0;
}
