// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_FUZZ_SEED_MODELS_H_
#define OCTET_TESTS_FUZZ_SEED_MODELS_H_

#include <string>
#include <vector>

namespace octet::onnx {

// A serialized ModelProto, of a few hundred bytes.
struct SeedModel {
  std::string name;  // letters, digits, underscores
  std::string bytes;
};

// One or more models for each family of operators, and for what else a file
// can hold: what the fuzzer of the importer starts from. All of them import.
std::vector<SeedModel> SeedModels();

}  // namespace octet::onnx

#endif  // OCTET_TESTS_FUZZ_SEED_MODELS_H_
