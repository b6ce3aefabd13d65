// SPDX-License-Identifier: Apache-2.0
#include "server/config_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace octet {
namespace {

using nlohmann::json;

constexpr size_t kMaxBytes = 64 << 10;
constexpr size_t kShownKeyBytes = 128;

absl::Status Wrong(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(ShownText(path), ": ", what));
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return Wrong(path,
                 absl::StrCat("the configuration cannot be read: ",
                              errno != 0 ? std::strerror(errno) : "no file"));
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxBytes) {
    return Wrong(path, absl::StrCat("the configuration has more than ",
                                    kMaxBytes, " bytes"));
  }
  return text;
}

// Of "[json.exception.parse_error.101] parse error at line 1, ..." the part
// that is for people.
std::string Reason(const json::exception& error) {
  const std::string what = error.what();
  const size_t end = what.find("] ");
  return end == std::string::npos ? what : what.substr(end + 2);
}

absl::StatusOr<json> ParseText(const std::string& path,
                               const std::string& text) {
  std::set<std::string> keys;
  std::string twice;
  const auto note_keys = [&](int depth, json::parse_event_t event,
                             const json& parsed) {
    if (event == json::parse_event_t::key && depth == 1) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.insert(key).second) twice = key;
    }
    return true;
  };
  json object;
  try {
    object = json::parse(text, note_keys, /*allow_exceptions=*/true,
                         /*ignore_comments=*/true);
  } catch (const json::exception& error) {
    return Wrong(path, absl::StrCat("no JSON object: ", Reason(error)));
  }
  if (!object.is_object()) {
    return Wrong(path, absl::StrCat("got a JSON ", object.type_name(),
                                    ", expected an object of settings"));
  }
  if (!twice.empty()) {
    return Wrong(
        path, absl::StrCat("key ", ShownText(twice.substr(0, kShownKeyBytes)),
                           " is there twice"));
  }
  return object;
}

}  // namespace

std::string ShownText(absl::string_view text) {
  return absl::StrCat("'", absl::CEscape(text), "'");
}

absl::StatusOr<std::vector<FileSetting>> ReadConfigFile(
    const std::string& path) {
  OCTET_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  OCTET_ASSIGN_OR_RETURN(const json object, ParseText(path, text));
  std::vector<FileSetting> settings;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) {
      settings.push_back({key, value.get<std::string>()});
    } else if (value.is_number()) {
      settings.push_back({key, value.dump()});
    } else {
      return Wrong(
          path, absl::StrCat("key ", ShownText(key.substr(0, kShownKeyBytes)),
                             ": got a JSON ", value.type_name(),
                             ", expected a string or a number"));
    }
  }
  return settings;
}

}  // namespace octet
