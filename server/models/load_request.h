// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_LOAD_REQUEST_H_
#define OCTET_SERVER_MODELS_LOAD_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace octet {

// A file that comes with a load, on its way into the repository.
struct UploadedFile {
  int64_t version = 0;
  std::string name;         // a plain name within the version's folder
  absl::string_view bytes;  // the caller's
};

// What is asked for when a model is loaded.
struct LoadRequest {
  std::string model;
  // In place of config.pbtxt, in its JSON, until the next load.
  std::optional<std::string> configuration;
  // Whole versions to add or to replace before.
  std::vector<UploadedFile> files;
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_LOAD_REQUEST_H_
