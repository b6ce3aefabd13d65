// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_MODEL_BUILDER_H_
#define OCTET_SERVER_MODELS_MODEL_BUILDER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/contained_files.h"
#include "engine/engine.h"
#include "server/models/loaded_model.h"
#include "server/models/memory_budget.h"
#include "server/models/model_configuration.h"
#include "server/models/serial_worker.h"

namespace octet {

// Makes a version that is ready to serve of a folder: within the memory budget,
// imported, planned, checked against its golden inputs, warmed.
//
// Thread-compatible: one Build() at a time.
class ModelBuilder {
 public:
  // `files` (whose root is the repository), `budget` and what `environment`
  // points at must outlive the builder and what it builds.
  ModelBuilder(const ContainedFiles* files, const ModelOptions& options,
               const LoadedModel::Environment& environment,
               MemoryBudget* budget)
      : files_(*files),
        options_(options),
        environment_(environment),
        budget_(*budget) {}

  // `folder` is relative to the repository. The step that costs most runs on
  // the calling thread; threads that the version keeps do not inherit that
  // one's priority.
  //   NOT_FOUND           there is no model file
  //   PERMISSION_DENIED   a link leads out of the repository
  //   RESOURCE_EXHAUSTED  the memory budget; figures
  //   others              as Model::FromFile(), CheckSignature(), CheckGolden()
  absl::StatusOr<std::shared_ptr<LoadedModel>> Build(
      const LoadedModel::Identity& identity, const std::string& folder,
      const ModelConfiguration& configuration);

 private:
  absl::Status Check(const ModelConfiguration& configuration,
                     const std::string& folder,
                     const std::shared_ptr<const Model>& model) const;
  // Runs `work` on finisher_ and waits for it.
  absl::Status Finish(const std::function<absl::Status()>& work);

  const ContainedFiles& files_;
  const ModelOptions options_;
  const LoadedModel::Environment environment_;
  MemoryBudget& budget_;
  SerialWorker finisher_{"octet-warmer"};
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_MODEL_BUILDER_H_
