// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_FUZZ_SEED_REQUESTS_H_
#define OCTET_TESTS_FUZZ_SEED_REQUESTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace octet {

// A serialized inference.ModelInferRequest.
struct SeedRequest {
  std::string name;   // letters, digits, underscores
  std::string model;  // of FakeEngine
  std::string bytes;
  // What decoding it for the model comes to without shared memory: OK but for
  // the request whose tensors are in the region "region", and for that of typed
  // contents of every type, which has none for half floats.
  absl::StatusCode outcome = absl::StatusCode::kOk;
};

// One request for each way of saying what a tensor holds: what the fuzzer of
// requests starts from.
std::vector<SeedRequest> SeedRequests();

}  // namespace octet

#endif  // OCTET_TESTS_FUZZ_SEED_REQUESTS_H_
