// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_TESTING_CATALOGUE_H_
#define OCTET_TESTS_TESTING_CATALOGUE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/tensor.h"

namespace octet {

// The folder of test material that is no part of the project: the environment
// variable OCTET_SHARED, else ../shared beside the repository.
std::string SharedFolder();

// A real float model with its samples, preprocessed as it wants them.
struct CatalogueModel {
  std::string path;    // of the ONNX file
  Tensor calibration;  // [samples, row_shape...] float32
  Tensor evaluation;   // likewise; other samples
  // The right class of each evaluation sample; empty for a model that does not
  // classify.
  std::vector<int64_t> labels;
  // Whether class 0 is "background" and labels count from class 1 on.
  bool drop_first_class = false;
};

// The names that ReadCatalogueModel() knows: "resnet20", "mobilenetv2", ...
std::vector<std::string> CatalogueNames();

// Where the ONNX file of `name` is or would be.
std::string CataloguePath(absl::string_view name);

// Reads and preprocesses. Errors of the files are passed on; NOT_FOUND for a
// name that is not in CatalogueNames().
absl::StatusOr<CatalogueModel> ReadCatalogueModel(absl::string_view name);

}  // namespace octet

#endif  // OCTET_TESTS_TESTING_CATALOGUE_H_
