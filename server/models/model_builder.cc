// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_builder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "server/models/golden.h"
#include "server/models/loaded_model.h"
#include "server/models/memory_budget.h"
#include "server/models/model_configuration.h"
#include "server/models/warm_up.h"

namespace octet {
namespace {

// Of the regular files that lie directly in `folder`; links are not followed.
int64_t BytesOfFiles(const std::string& folder) {
  namespace fs = std::filesystem;
  int64_t bytes = 0;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (entry->symlink_status(ignored).type() != fs::file_type::regular) {
      continue;
    }
    const auto size = entry->file_size(ignored);
    if (!ignored) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

}  // namespace

absl::Status ModelBuilder::Finish(const std::function<absl::Status()>& work) {
  absl::Status status;
  absl::Notification finished;
  finisher_.Do([&] {
    status = work();
    finished.Notify();
  });
  finished.WaitForNotification();
  return status;
}

absl::Status ModelBuilder::Check(
    const ModelConfiguration& configuration, const std::string& folder,
    const std::shared_ptr<const Model>& model) const {
  if (!HasGolden(files_, folder)) return absl::OkStatus();
  std::shared_ptr<const Model> plain = model;
  if (!configuration.input_forms.empty()) {
    // Golden inputs are in the model's own form.
    ModelOptions options = options_;
    options.max_batch = 1;
    OCTET_ASSIGN_OR_RETURN(
        plain,
        environment_.engine->load(absl::StrCat(files_.root(), "/", folder, "/",
                                               configuration.model_file),
                                  options));
  }
  return CheckGolden(*environment_.engine, std::move(plain), files_, folder);
}

absl::StatusOr<std::shared_ptr<LoadedModel>> ModelBuilder::Build(
    const LoadedModel::Identity& identity, const std::string& folder,
    const ModelConfiguration& configuration) {
  const std::string file = absl::StrCat(folder, "/", configuration.model_file);
  OCTET_RETURN_IF_ERROR(files_.CheckFile(file));
  OCTET_ASSIGN_OR_RETURN(const struct stat facts, files_.Stat(file));
  // Weights in memory are not much less than the file and those beside it
  // (external data), which is all that is known of them before.
  const int64_t bytes = std::max<int64_t>(
      facts.st_size, BytesOfFiles(absl::StrCat(files_.root(), "/", folder)));
  OCTET_ASSIGN_OR_RETURN(
      const std::shared_ptr<MemoryBudget::Share> share,
      budget_.Take(absl::StrCat(identity.name, "/", identity.version), bytes));
  ModelOptions options = options_;
  if (configuration.max_batch.value_or(0) > 0) {
    options.max_batch = *configuration.max_batch;
  }
  options.input_forms = configuration.input_forms;
  options.keep_faster_float = configuration.keep_faster_float;
  OCTET_ASSIGN_OR_RETURN(std::shared_ptr<const Model> model,
                         environment_.engine->load(
                             absl::StrCat(files_.root(), "/", file), options));
  OCTET_RETURN_IF_ERROR(share->Resize(
      LoadedModel::MemoryBytes(*model, environment_.scheduler->lanes())));
  OCTET_RETURN_IF_ERROR(CheckSignature(configuration, *model));
  OCTET_ASSIGN_OR_RETURN(const std::vector<WarmUpRun> runs,
                         MakeWarmUpRuns(configuration, *model, files_));

  std::shared_ptr<LoadedModel> loaded;
  OCTET_RETURN_IF_ERROR(Finish([&]() -> absl::Status {
    OCTET_RETURN_IF_ERROR(Check(configuration, folder, model));
    OCTET_ASSIGN_OR_RETURN(
        loaded, LoadedModel::Create(identity, std::move(model), configuration,
                                    runs, environment_));
    return absl::OkStatus();
  }));
  loaded->KeepUntilDrained(share);
  return loaded;
}

}  // namespace octet
