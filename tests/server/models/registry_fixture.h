// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_SERVER_MODELS_REGISTRY_FIXTURE_H_
#define OCTET_TESTS_SERVER_MODELS_REGISTRY_FIXTURE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/metrics/metrics.h"
#include "server/models/inference_task.h"
#include "server/models/load_request.h"
#include "server/models/loaded_model.h"
#include "server/models/model_registry.h"
#include "server/scheduler/batch_scheduler.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/scratch_folder.h"

namespace octet {

// `rows` rows of [4] for a "scale" model.
class FloatTask : public InferenceTask {
 public:
  explicit FloatTask(int64_t rows = 1,
                     absl::Time deadline = absl::InfiniteFuture())
      : in_(rows * 4), out_(rows * 4, -1) {
    for (size_t i = 0; i < in_.size(); ++i) in_[i] = static_cast<float>(i);
    inputs_.push_back(in_.data());
    outputs_.push_back(out_.data());
    SetDemand(rows, static_cast<int64_t>(in_.size() * sizeof(float)), deadline);
  }

  void Done(const absl::Status& status) override {
    status_ = status;
    done_.Notify();
  }

  bool done() const { return done_.HasBeenNotified(); }
  const absl::Status& status() const { return status_; }
  const std::vector<float>& out() const { return out_; }

 private:
  std::vector<float> in_;
  std::vector<float> out_;
  absl::Status status_;
  absl::Notification done_;
};

class ModelRegistryTest : public ::testing::Test {
 protected:
  explicit ModelRegistryTest(int lanes = 1) : scheduler_(lanes, &clock_) {}

  ~ModelRegistryTest() override {
    registry_.reset();
    EXPECT_EQ(engine_.live_models(), 0);
  }

  // Opens the repository and loads what is in it.
  void Start() {
    auto metrics = Metrics::Create("test", "none");
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    metrics_ = *std::move(metrics);
    auto repository = ModelRepository::Open(folder_.path());
    ASSERT_TRUE(repository.ok()) << repository.status();
    repository_ = *std::move(repository);
    functions_ = engine_.functions();
    ModelOptions options;
    options.max_batch = 4;
    registry_ = std::make_unique<ModelRegistry>(
        repository_.get(), options,
        LoadedModel::Environment{&functions_, &scheduler_, metrics_.get(),
                                 QueueLimits{.max_queued_rows = 16}},
        limits_);
    registry_->SetListener([this] { ++changes_; });
    ASSERT_TRUE(registry_->LoadAll().ok());
  }

  absl::Status Load(const std::string& name,
                    std::optional<std::string> configuration = {},
                    std::vector<UploadedFile> files = {}) {
    absl::Status result;
    absl::Notification done;
    registry_->Load({name, std::move(configuration), std::move(files)},
                    [&](absl::Status status) {
                      result = std::move(status);
                      done.Notify();
                    });
    done.WaitForNotification();
    return result;
  }

  absl::Status Unload(const std::string& name) {
    absl::Status result;
    absl::Notification done;
    registry_->Unload(name, [&](absl::Status status) {
      result = std::move(status);
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }

  std::vector<std::string> Index() {
    std::vector<std::string> lines;
    const auto index = registry_->Index();
    EXPECT_TRUE(index.ok()) << index.status();
    if (!index.ok()) return lines;
    for (const VersionStatus& row : *index) {
      lines.push_back(absl::StrCat(row.name, "/", row.version, " ",
                                   StateName(row.state), " ", row.reason));
    }
    return lines;
  }

  std::shared_ptr<LoadedModel> Find(const std::string& name,
                                    const std::string& version = "") {
    auto model = registry_->Find(name, version);
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }

  // What the served version makes of 1.
  float Answer(const std::string& name, const std::string& version = "") {
    auto task = std::make_shared<FloatTask>();
    auto model = Find(name, version);
    if (model == nullptr) return -1;
    EXPECT_TRUE(model->Enqueue(task).ok());
    while (!task->done()) scheduler_.RunOne(0);
    EXPECT_TRUE(task->status().ok()) << task->status();
    return task->out()[1];
  }

  FakeClock clock_;
  ScratchFolder folder_;
  FakeEngine engine_;
  EngineFunctions functions_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<ModelRepository> repository_;
  BatchScheduler scheduler_;
  std::atomic<int> changes_ = 0;
  ModelRegistry::Limits limits_;
  std::unique_ptr<ModelRegistry> registry_;
};

}  // namespace octet

#endif  // OCTET_TESTS_SERVER_MODELS_REGISTRY_FIXTURE_H_
