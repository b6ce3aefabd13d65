// SPDX-License-Identifier: Apache-2.0
#include "server/models/class_labels.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "engine/base/contained_files.h"
#include "engine/base/status_macros.h"
#include "proto/model_config.pb.h"
#include "server/models/model_configuration.h"

namespace octet {

absl::StatusOr<ClassLabels> ClassLabels::Parse(absl::string_view text) {
  ClassLabels labels;
  // The end of the last line is not the start of another one.
  absl::ConsumeSuffix(&text, "\n");
  if (text.empty() || text == "\r") return labels;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::ConsumeSuffix(&line, "\r");
    const size_t number = labels.labels_.size() + 1;
    if (line.size() > kMaxLabelBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": got ", line.size(),
                       " bytes, expected a label of at most ", kMaxLabelBytes));
    }
    if (std::any_of(line.begin(), line.end(), [](char c) {
          return absl::ascii_iscntrl(c) && c != '\t';
        })) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", number,
          ": got control characters, expected text, one label a line"));
    }
    labels.labels_.emplace_back(line);
    labels.longest_ = std::max(labels.longest_, line.size());
  }
  return labels;
}

absl::Status ReadClassLabels(const ContainedFiles& repository,
                             ModelConfiguration* configuration) {
  const inference::ModelConfig& config = configuration->proto;
  // Several outputs may name one file.
  std::map<std::string, std::shared_ptr<const ClassLabels>> files;
  for (const inference::ModelOutput& output : config.output()) {
    const std::string& name = output.label_filename();
    if (name.empty()) continue;
    std::shared_ptr<const ClassLabels>& labels = files[name];
    if (labels == nullptr) {
      const std::string path = absl::StrCat(config.name(), "/", name);
      const auto complain = [&](const absl::Status& status) {
        return absl::Status(
            status.code(),
            absl::StrCat(configuration->origin, ": output '", output.name(),
                         "' label_filename: ", status.message()));
      };
      const auto text = repository.Read(path, ClassLabels::kMaxFileBytes);
      if (!text.ok()) return complain(text.status());
      absl::StatusOr<ClassLabels> parsed = ClassLabels::Parse(*text);
      if (!parsed.ok()) {
        return complain(
            absl::Status(parsed.status().code(),
                         absl::StrCat(repository.root(), "/", path, ": ",
                                      parsed.status().message())));
      }
      labels = std::make_shared<const ClassLabels>(*std::move(parsed));
      absl::StrAppend(&configuration->label_digest, name, " ", text->size(),
                      " ", std::hash<std::string>()(*text), "\n");
    }
    configuration->class_labels[output.name()] = labels;
  }
  return absl::OkStatus();
}

}  // namespace octet
