// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/recorded_samples.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "server/models/request_recorder.h"

namespace octet {
namespace {

absl::Status NothingRecorded(absl::string_view model, absl::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("settings.recorded_samples: there are no recorded requests "
                   "of model '",
                   model, "': ", why));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const LoadedModel>> FindRecorder(
    const ModelRegistry& registry, const std::string& model) {
  const std::vector<std::shared_ptr<LoadedModel>> serving =
      registry.Serving(model);
  if (serving.empty()) return NothingRecorded(model, "no version serves");
  const auto newest =
      std::find_if(serving.rbegin(), serving.rend(), [](const auto& version) {
        return version->recorder() != nullptr &&
               version->recorder()->rows() > 0;
      });
  if (newest != serving.rend()) return *newest;
  const bool records = std::any_of(
      serving.begin(), serving.end(),
      [](const auto& version) { return version->recorder() != nullptr; });
  return NothingRecorded(
      model, records ? "none of its versions has answered one since it was "
                       "loaded"
                     : "its config.pbtxt has no parameter record_rows, or it "
                       "takes whole tensors in place of rows");
}

absl::StatusOr<std::vector<NamedTensor>> RecordedSamples(
    const ModelRegistry& registry, const std::string& model) {
  OCTET_ASSIGN_OR_RETURN(const std::shared_ptr<const LoadedModel> asked,
                         FindRecorder(registry, model));
  return asked->model().WithoutInputForms(asked->recorder()->Tensors());
}

}  // namespace octet
