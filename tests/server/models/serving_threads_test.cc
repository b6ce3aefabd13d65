// SPDX-License-Identifier: Apache-2.0
// Engine, scheduler and repository together on real threads, as a server runs
// them. What ThreadSanitizer is for; it finds little in any other build.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "engine/engine.h"
#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/metrics/metrics.h"
#include "server/models/inference_task.h"
#include "server/models/load_request.h"
#include "server/models/loaded_model.h"
#include "server/models/model_registry.h"
#include "server/models/model_repository.h"
#include "server/scheduler/batch_scheduler.h"
#include "server/scheduler/clock.h"
#include "server/scheduler/lane_pool.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

constexpr char kModel[] = "characters";
constexpr int64_t kPixels = 32 * 32;
constexpr int64_t kClasses = 36;
constexpr int kLanes = 2;
constexpr int kCallers = 3;
constexpr int kSwaps = 2;

// One picture, and what the model makes of it.
class PictureTask : public InferenceTask {
 public:
  explicit PictureTask(std::vector<float> pixels)
      : pixels_(std::move(pixels)), scores_(kClasses) {
    inputs_.push_back(pixels_.data());
    outputs_.push_back(scores_.data());
    SetDemand(1, kPixels * static_cast<int64_t>(sizeof(float)),
              absl::InfiniteFuture());
  }

  void Done(const absl::Status& status) override {
    status_ = status;
    done_.Notify();
  }

  const absl::Status& Await() {
    done_.WaitForNotification();
    return status_;
  }

  // The class with the highest score.
  int64_t Answer() const {
    return std::max_element(scores_.begin(), scores_.end()) - scores_.begin();
  }

 private:
  std::vector<float> pixels_;
  std::vector<float> scores_;
  absl::Status status_;
  absl::Notification done_;
};

class ServingThreadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string sample = OCTET_SOURCE_DIR "/deploy/sample/";
    auto bytes = io::ReadNpy(sample + "evaluation_images.npy");
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    const auto values = bytes->data<uint8_t>();
    for (int64_t i = 0; i < kCallers; ++i) {
      std::vector<float> picture;
      for (int64_t p = 0; p < kPixels; ++p) {
        const auto at = static_cast<size_t>(i * kPixels + p);
        picture.push_back(static_cast<float>(values[at]) / 255);
      }
      pictures_.push_back(std::move(picture));
    }
    AddVersion(1);
    StartServing();
  }

  void StartServing() {
    functions_.load = [](const std::string& path, const ModelOptions& options) {
      return Model::FromFile(path, options);
    };
    functions_.make_executor = [](std::shared_ptr<const Model> model) {
      return Executor::Create(std::move(model));
    };
    auto metrics = Metrics::Create("test", "none");
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    metrics_ = *std::move(metrics);
    auto repository = ModelRepository::Open(folder_.path());
    ASSERT_TRUE(repository.ok()) << repository.status();
    repository_ = *std::move(repository);
    ModelOptions options;
    options.max_batch = 2;
    options.threads = 2;
    registry_ = std::make_unique<ModelRegistry>(
        repository_.get(), options,
        LoadedModel::Environment{&functions_, &scheduler_, metrics_.get(),
                                 QueueLimits{}});
    registry_->SetListener([this] { ++changes_; });
    lanes_ = std::make_unique<LanePool>(&scheduler_);
    ASSERT_TRUE(registry_->LoadAll().ok());
  }

  void TearDown() override {
    registry_.reset();
    lanes_.reset();
  }

  void AddVersion(int version) {
    const std::string file = folder_.path() + "/" + kModel + "/" +
                             std::to_string(version) + "/model.onnx";
    std::filesystem::create_directories(
        std::filesystem::path(file).parent_path());
    std::filesystem::copy_file(
        OCTET_SOURCE_DIR "/deploy/sample/printed_characters.onnx", file);
  }

  absl::Status Load() {
    absl::Status result;
    absl::Notification done;
    registry_->Load(LoadRequest{kModel, {}, {}}, [&](absl::Status status) {
      result = std::move(status);
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }

  // What the version that serves says of picture `index`; -1 after an error,
  // which is then a failure of the test.
  int64_t Ask(size_t index) {
    auto model = registry_->Find(kModel, "");
    EXPECT_TRUE(model.ok()) << model.status();
    if (!model.ok()) return -1;
    auto task = std::make_shared<PictureTask>(pictures_[index]);
    const absl::Status taken = (*model)->Enqueue(task);
    EXPECT_TRUE(taken.ok()) << taken;
    if (!taken.ok()) return -1;
    const absl::Status& status = task->Await();
    EXPECT_TRUE(status.ok()) << status;
    return status.ok() ? task->Answer() : -1;
  }

  ScratchFolder folder_;
  std::vector<std::vector<float>> pictures_;
  EngineFunctions functions_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<ModelRepository> repository_;
  BatchScheduler scheduler_{kLanes, Clock::Real()};
  std::atomic<int> changes_ = 0;
  std::unique_ptr<ModelRegistry> registry_;
  std::unique_ptr<LanePool> lanes_;
};

TEST_F(ServingThreadsTest, AnswersStayRightWhileVersionsAreSwapped) {
  std::vector<int64_t> expected;
  for (size_t i = 0; i < kCallers; ++i) expected.push_back(Ask(i));

  std::atomic<bool> swapping = true;
  std::atomic<int> answers = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kCallers; ++i) {
    threads.emplace_back([&, i] {
      while (swapping) {
        EXPECT_EQ(Ask(i), expected[i]);
        if (i == 0) {
          EXPECT_TRUE(registry_->Index().ok());
        }
        if (i == 1) {
          EXPECT_TRUE(metrics_->Text().ok());
        }
        ++answers;
      }
    });
  }
  for (int swap = 1; swap <= kSwaps; ++swap) {
    // Every swap is met by requests.
    const int before = answers;
    AddVersion(swap + 1);
    EXPECT_EQ(Load(), absl::OkStatus());
    while (answers == before) std::this_thread::yield();
  }
  swapping = false;
  for (std::thread& thread : threads) thread.join();

  const auto model = registry_->Find(kModel, "");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->version(), kSwaps + 1);
  EXPECT_GE(changes_, kSwaps);
}

TEST_F(ServingThreadsTest, LanesStopUnderRequests) {
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  auto model = registry_->Find(kModel, "");
  ASSERT_TRUE(model.ok()) << model.status();
  for (size_t i = 0; i < kCallers; ++i) {
    threads.emplace_back([&, i] {
      for (absl::Status status; status.ok();) {
        auto task = std::make_shared<PictureTask>(pictures_[i]);
        status = (*model)->Enqueue(task);
        if (status.ok()) status = task->Await();
        if (!status.ok()) {
          EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
          ++refused;
        }
      }
    });
  }
  lanes_.reset();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, kCallers);
  model = absl::CancelledError("the test holds it no longer");
}

}  // namespace
}  // namespace octet
