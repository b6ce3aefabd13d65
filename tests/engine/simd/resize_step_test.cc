// SPDX-License-Identifier: Apache-2.0
// Resizing against the reference: the same bytes where elements are copied,
// floats within the rounding of their sums.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "engine/reference/backend.h"
#include "engine/simd/backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/single_node.h"

namespace octet::simd {
namespace {

// Of values up to 1: a few products of float32 weights and their sums.
constexpr float kSumOfTaps = 4e-6f;

// `shape` with the sizes of the axes from `axis` on replaced.
ir::Resize ResizeOf(const Shape& shape, size_t axis,
                    const std::vector<int64_t>& sizes, ir::ResizeMode mode) {
  ir::Resize op;
  op.mode = mode;
  op.sizes = shape;
  op.scales.assign(shape.size(), 1);
  for (size_t i = 0; i < sizes.size(); ++i) {
    op.sizes[axis + i] = sizes[i];
    op.scales[axis + i] = static_cast<float>(
        static_cast<double>(sizes[i]) / static_cast<double>(shape[axis + i]));
  }
  return op;
}

void ExpectNearReference(const SingleNode& node, float tolerance) {
  const auto expected =
      RunSingleNode(*reference::CreateReferenceBackend(), node);
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (int threads : {1, 2}) {
    const auto got = RunSingleNode(*CreateSimdBackend(), node, threads);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->shape(), expected->shape());
    if (tolerance == 0) {
      ASSERT_EQ(
          std::memcmp(got->bytes(), expected->bytes(), expected->byte_size()),
          0);
      continue;
    }
    for (int64_t i = 0; i < got->size(); ++i) {
      ASSERT_NEAR(got->data<float>()[i], expected->data<float>()[i], tolerance)
          << "element " << i;
    }
  }
}

TEST(ResizeStepTest, NearestCopiesBothLayouts) {
  const Shape shape = {2, 5, 7, 9};
  for (const std::vector<int64_t>& sizes :
       {std::vector<int64_t>{10, 14}, {3, 20}, {5, 3}, {1, 1}}) {
    for (size_t axis : {1, 2}) {
      const ir::Resize op =
          ResizeOf(shape, axis, sizes, ir::ResizeMode::kNearest);
      ExpectNearReference({op, {RandomFloats(shape, 1)}, {}}, 0);
      Tensor bytes(DType::kUInt8, shape);
      for (int64_t i = 0; i < bytes.size(); ++i) {
        bytes.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(i * 37);
      }
      ExpectNearReference({op, {bytes}, {}}, 0);
      const ir::Quantization q = ir::Quantization::PerTensor(0.5, 3);
      ExpectNearReference(
          {op, {NodeInput(bytes, q)}, NodeOutput{DType::kUInt8, q}}, 0);
    }
  }
}

TEST(ResizeStepTest, LinearAndCubicAreNearReference) {
  const Shape shape = {2, 6, 7, 9};
  for (ir::ResizeMode mode :
       {ir::ResizeMode::kLinear, ir::ResizeMode::kCubic}) {
    for (bool antialias : {false, true}) {
      for (ir::ResizeCoordinates coordinates :
           {ir::ResizeCoordinates::kHalfPixel,
            ir::ResizeCoordinates::kAlignCorners,
            ir::ResizeCoordinates::kAsymmetric}) {
        for (size_t axis : {1, 2}) {
          ir::Resize op = ResizeOf(shape, axis, {12, 3}, mode);
          op.antialias = antialias;
          op.coordinates = coordinates;
          ExpectNearReference({op, {RandomFloats(shape, 1)}, {}}, kSumOfTaps);
        }
      }
    }
  }
}

TEST(ResizeStepTest, OneAxisIsNearReference) {
  const Shape shape = {2, 3, 11};
  ExpectNearReference({ResizeOf(shape, 2, {23}, ir::ResizeMode::kLinear),
                       {RandomFloats(shape, 1)},
                       {}},
                      kSumOfTaps);
  ExpectNearReference({ResizeOf(shape, 1, {7}, ir::ResizeMode::kNearest),
                       {RandomFloats(shape, 1)},
                       {}},
                      0);
}

TEST(ResizeStepTest, RefusesCropsAndIntegersToAddUp) {
  const Shape shape = {1, 1, 4, 4};
  ir::Resize crop = ResizeOf(shape, 2, {2, 2}, ir::ResizeMode::kLinear);
  crop.coordinates = ir::ResizeCoordinates::kTfCropAndResize;
  crop.roi_begin = {0, 0, 0, 0};
  crop.roi_end = {1, 1, 1, 1};
  EXPECT_TRUE(absl::IsUnimplemented(
      RunSingleNode(*CreateSimdBackend(), {crop, {RandomFloats(shape, 1)}, {}})
          .status()));
  const ir::Resize linear = ResizeOf(shape, 2, {2, 2}, ir::ResizeMode::kLinear);
  EXPECT_TRUE(absl::IsUnimplemented(
      RunSingleNode(*CreateSimdBackend(),
                    {linear, {Tensor(DType::kUInt8, shape)}, {}})
          .status()));
}

}  // namespace
}  // namespace octet::simd
