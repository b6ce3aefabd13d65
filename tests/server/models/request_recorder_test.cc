// SPDX-License-Identifier: Apache-2.0
#include "server/models/request_recorder.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

using ::testing::ElementsAre;

// An input "x", float32 [2], and "k", int8 [1].
std::vector<TensorSpec> Inputs() {
  return {{"x", DType::kFloat32, {2}}, {"k", DType::kInt8, {1}}};
}

// Rows with x = {first, -first}, {first + 1, ...} and k = the same modulo 100.
void AddRows(RequestRecorder* recorder, int64_t first, int64_t rows) {
  std::vector<float> x;
  std::vector<int8_t> k;
  for (int64_t row = first; row < first + rows; ++row) {
    x.push_back(static_cast<float>(row));
    x.push_back(static_cast<float>(-row));
    k.push_back(static_cast<int8_t>(row % 100));
  }
  const void* inputs[] = {x.data(), k.data()};
  const RowBlock block{rows, inputs, {}};
  recorder->Add({&block, 1});
}

template <typename T>
std::vector<T> Elements(const NamedTensor& named) {
  const absl::Span<const T> elements = named.tensor.data<T>();
  return {elements.begin(), elements.end()};
}

TEST(RequestRecorderTest, KeepsEveryRowWhileThereIsRoom) {
  RequestRecorder recorder(Inputs(), 5);
  EXPECT_EQ(recorder.rows(), 0);
  AddRows(&recorder, 1, 2);
  AddRows(&recorder, 3, 1);
  EXPECT_EQ(recorder.rows(), 3);
  const std::vector<NamedTensor> tensors = recorder.Tensors();
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].name, "x");
  EXPECT_THAT(tensors[0].tensor.shape(), ElementsAre(3, 2));
  EXPECT_THAT(Elements<float>(tensors[0]), ElementsAre(1, -1, 2, -2, 3, -3));
  EXPECT_EQ(tensors[1].name, "k");
  EXPECT_THAT(tensors[1].tensor.shape(), ElementsAre(3, 1));
  EXPECT_THAT(Elements<int8_t>(tensors[1]), ElementsAre(1, 2, 3));
}

TEST(RequestRecorderTest, EveryRowIsAsLikelyHoweverTheyCome) {
  constexpr int64_t kRows = 100'000;
  constexpr int64_t kKept = 1000;
  RequestRecorder recorder({{"x", DType::kFloat32, {2}}}, kKept);
  int64_t next = 0;
  for (int64_t size = 1; next < kRows; size = size % 17 + 1) {
    const int64_t rows = std::min(size, kRows - next);
    AddRows(&recorder, next, rows);
    next += rows;
  }
  ASSERT_EQ(recorder.rows(), kKept);
  const auto x = Elements<float>(recorder.Tensors()[0]);
  std::map<int, int> tenths;
  for (int64_t row = 0; row < kKept; ++row) {
    EXPECT_EQ(x[2 * row], -x[2 * row + 1]);
    ++tenths[static_cast<int>(x[2 * row] / (kRows / 10))];
  }
  ASSERT_EQ(tenths.size(), 10u);
  // 100 each, give or take five standard deviations of 9.5.
  for (const auto& [tenth, rows] : tenths) {
    EXPECT_GT(rows, 52) << tenth;
    EXPECT_LT(rows, 148) << tenth;
  }
}

TEST(RequestRecorderTest, RowsThatAreNotFiniteAreNoSamples) {
  RequestRecorder recorder({{"x", DType::kFloat32, {2}}}, 10);
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {1, 2, inf, 3, 4, 5, 6, -inf, 7, 8};
  const void* inputs[] = {x.data()};
  const RowBlock block{5, inputs, {}};
  recorder.Add({&block, 1});
  EXPECT_THAT(Elements<float>(recorder.Tensors()[0]),
              ElementsAre(1, 2, 4, 5, 7, 8));

  RequestRecorder halves({{"x", DType::kFloat16, {1}}}, 10);
  const std::vector<uint16_t> bits = {0x3c00, 0x7e00, 0xbc00};  // 1, NaN, -1
  const void* half_inputs[] = {bits.data()};
  const RowBlock half_block{3, half_inputs, {}};
  halves.Add({&half_block, 1});
  EXPECT_EQ(halves.rows(), 2);
}

TEST(RequestRecorderTest, LargeRowsAreKeptInFewerPlaces) {
  // Two and a half such rows would fit.
  const int64_t elements = RequestRecorder::kMaxBytes * 2 / 5;
  RequestRecorder recorder({{"x", DType::kInt8, {elements}}}, 100);
  const std::vector<int8_t> row(elements, 7);
  const void* inputs[] = {row.data()};
  const RowBlock block{1, inputs, {}};
  for (int i = 0; i < 4; ++i) recorder.Add({&block, 1});
  EXPECT_EQ(recorder.rows(), 2);

  RequestRecorder single(
      {{"x", DType::kInt8, {RequestRecorder::kMaxBytes + 1}}}, 100);
  const std::vector<int8_t> large(RequestRecorder::kMaxBytes + 1, 7);
  const void* large_inputs[] = {large.data()};
  const RowBlock large_block{1, large_inputs, {}};
  for (int i = 0; i < 2; ++i) single.Add({&large_block, 1});
  EXPECT_EQ(single.rows(), 1);
}

TEST(RequestRecorderTest, LanesAddWhileAJobReads) {
  RequestRecorder recorder(Inputs(), 50);
  std::vector<std::thread> lanes;
  for (int lane = 0; lane < 2; ++lane) {
    lanes.emplace_back([&recorder, lane] {
      for (int i = 0; i < 500; ++i) AddRows(&recorder, 500 * lane + i, 1);
    });
  }
  for (int i = 0; i < 50; ++i) {
    const std::vector<NamedTensor> tensors = recorder.Tensors();
    const auto x = Elements<float>(tensors[0]);
    const auto k = Elements<int8_t>(tensors[1]);
    for (size_t row = 0; row < k.size(); ++row) {
      EXPECT_EQ(static_cast<int>(x[2 * row]) % 100, k[row]);
    }
  }
  for (std::thread& lane : lanes) lane.join();
  EXPECT_EQ(recorder.rows(), 50);
}

}  // namespace
}  // namespace octet
