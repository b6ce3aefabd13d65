// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_CONFIG_FILE_H_
#define OCTET_SERVER_CONFIG_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace octet {

// A key of the file with its value as a flag would have it.
struct FileSetting {
  std::string key;
  std::string value;
};

// Reads a JSON object of strings and numbers, at most 64 KiB of it.
//   INVALID_ARGUMENT  it cannot be read, is no such object, or has a key twice;
//                     the message begins with the path
absl::StatusOr<std::vector<FileSetting>> ReadConfigFile(
    const std::string& path);

// `text` in quotes, with what is not printable escaped.
std::string ShownText(absl::string_view text);

}  // namespace octet

#endif  // OCTET_SERVER_CONFIG_FILE_H_
