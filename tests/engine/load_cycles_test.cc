// SPDX-License-Identifier: Apache-2.0
//
// What stays resident when models come and go. OCTET_LOAD_CYCLES in the
// environment sets how often (60 by default; the bar is meant for 1000).
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/engine.h"
#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

constexpr int64_t kMegabyte = 1 << 20;
constexpr int kLanes = 2;
// The cycle whose memory is compared with that of the last.
constexpr int kSettled = 10;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

int64_t ResidentBytes() {
  int64_t total = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

int Cycles() {
  int cycles = 0;
  const char* const text = std::getenv("OCTET_LOAD_CYCLES");
  if (text == nullptr || !absl::SimpleAtoi(text, &cycles)) cycles = 60;
  return std::max(cycles, kSettled + 1);
}

// The sample model, float and int8.
std::vector<std::string> Models() {
  const auto path = [](const char* file) {
    return absl::StrCat(OCTET_SOURCE_DIR, "/deploy/sample/", file);
  };
  auto bytes = io::ReadFile(path("printed_characters.onnx"));
  auto pictures = io::ReadNpy(path("calibration_images.npy"));
  EXPECT_TRUE(bytes.ok() && pictures.ok());
  Tensor reals(DType::kFloat32, {pictures->shape()[0], 1, 32, 32});
  for (int64_t i = 0; i < reals.size(); ++i) {
    reals.mutable_data<float>()[i] =
        static_cast<float>(pictures->data<uint8_t>()[i]) / 255;
  }
  const NamedTensor calibration = {"image", std::move(reals)};
  auto quantized = Quantize(*bytes, {&calibration, 1}, {}, nullptr);
  EXPECT_TRUE(quantized.ok()) << quantized.status();
  return {*bytes, quantized->model};
}

// A model with an executor a lane, each of which has run every batch size.
struct Loaded {
  explicit Loaded(const std::string& bytes) {
    auto loaded = Model::FromBytes(bytes, {});
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    model = *std::move(loaded);
    const int64_t most = model->buckets().back();
    const std::vector<std::byte> input(most * model->inputs()[0].row_bytes());
    std::vector<std::byte> output(most * model->outputs()[0].row_bytes());
    const void* inputs[] = {input.data()};
    void* outputs[] = {output.data()};
    for (int lane = 0; lane < kLanes; ++lane) {
      auto executor = Executor::Create(model);
      EXPECT_TRUE(executor.ok()) << executor.status();
      for (const int rows : model->buckets()) {
        const RowBlock block = {rows, inputs, outputs};
        EXPECT_TRUE((*executor)->Run({&block, 1}, nullptr).ok());
      }
      executors.push_back(*std::move(executor));
    }
  }

  std::shared_ptr<const Model> model;
  std::vector<std::unique_ptr<Executor>> executors;
};

TEST(LoadCyclesTest, MemoryIsFlatOverLoadsAndUnloads) {
  if (kSanitized) GTEST_SKIP() << "sanitizers keep freed memory for a while";
  const std::vector<std::string> models = Models();
  const int cycles = Cycles();
  int64_t settled = 0;
  for (int cycle = 1; cycle <= cycles; ++cycle) {
    for (const std::string& bytes : models) Loaded loaded(bytes);
    malloc_trim(0);  // as the server does when it has unloaded a model
    if (cycle == kSettled) settled = ResidentBytes();
  }
  const int64_t last = ResidentBytes();
  RecordProperty("settled_bytes", absl::StrCat(settled));
  RecordProperty("last_bytes", absl::StrCat(last));
  EXPECT_LE(last, settled + settled / 20 + 5 * kMegabyte)
      << "after " << kSettled << " cycles " << settled << " bytes, after "
      << cycles << " cycles " << last;
}

TEST(LoadCyclesTest, LoadedModelKeepsNoMoreThanItsParts) {
  if (kSanitized) GTEST_SKIP() << "sanitizers keep freed memory for a while";
  for (const std::string& bytes : Models()) {
    Loaded first(bytes);  // what the libraries keep once and for all
    malloc_trim(0);
    const int64_t before = ResidentBytes();
    Loaded loaded(bytes);
    malloc_trim(0);
    const int64_t grown = ResidentBytes() - before;
    const auto plans = static_cast<int64_t>(loaded.model->buckets().size());
    RecordProperty("grown_bytes", absl::StrCat(grown));
    EXPECT_LE(grown, loaded.model->weight_bytes() +
                         kLanes * loaded.model->arena_bytes() +
                         (20 + 3 * plans) * kMegabyte);
  }
}

// Pages that this thread had to be given while it ran `rows` rows.
int64_t FaultsOfRun(const Loaded& loaded, int rows) {
  const std::vector<std::byte> input(rows *
                                     loaded.model->inputs()[0].row_bytes());
  std::vector<std::byte> output(rows * loaded.model->outputs()[0].row_bytes());
  const void* inputs[] = {input.data()};
  void* outputs[] = {output.data()};
  const RowBlock block = {rows, inputs, outputs};
  rusage before;
  rusage after;
  getrusage(RUSAGE_THREAD, &before);
  EXPECT_TRUE(loaded.executors[0]->Run({&block, 1}, nullptr).ok());
  getrusage(RUSAGE_THREAD, &after);
  return after.ru_minflt - before.ru_minflt;
}

TEST(LoadCyclesTest, RunsAfterTheWarmUpTouchNoNewMemory) {
  if (kSanitized) GTEST_SKIP() << "sanitizers touch memory of their own";
  // What the run's own stack and thread may take.
  constexpr int64_t kFewPages = 16;
  for (const std::string& bytes : Models()) {
    // Loaded and warmed by one thread and run by another, as in the server.
    std::unique_ptr<Loaded> loaded;
    std::thread([&] { loaded = std::make_unique<Loaded>(bytes); }).join();
    ASSERT_GT(loaded->model->arena_bytes(),
              2 * kFewPages * sysconf(_SC_PAGESIZE));
    for (const int rows : loaded->model->buckets()) {
      EXPECT_LE(FaultsOfRun(*loaded, rows), kFewPages) << rows << " rows";
    }
  }
}

}  // namespace
}  // namespace octet
