// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/byte_input.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/quant/quantization_sites.h"
#include "engine/reference/backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {
namespace {

using ir::ValueId;
using testing::ElementsAre;

constexpr int64_t kChannels = 3;
constexpr int64_t kSide = 40;
constexpr float kMean[] = {0.485f, 0.456f, 0.406f};
constexpr float kStd[] = {0.229f, 0.224f, 0.225f};

Tensor PictureBytes(int64_t pictures, uint32_t seed) {
  return RandomIntegers(DType::kUInt8, {pictures, kChannels, kSide, kSide},
                        seed, 0, 255);
}

// (p / 255 - mean) / std, as ImageNet's networks want it.
Tensor Normalized(const Tensor& bytes) {
  Tensor reals(DType::kFloat32, bytes.shape());
  for (int64_t i = 0; i < bytes.size(); ++i) {
    const int64_t c = i / (kSide * kSide) % kChannels;
    const float part = static_cast<float>(bytes.data<uint8_t>()[i]) / 255;
    reals.mutable_data<float>()[i] = (part - kMean[c]) / kStd[c];
  }
  return reals;
}

ByteInputObserver Saw(const Tensor& pictures) {
  ByteInputObserver observer(pictures.shape()[1]);
  observer.Observe(pictures.data<float>(),
                   pictures.shape()[2] * pictures.shape()[3]);
  return observer;
}

ir::Graph OneConv(int64_t pad, bool has_bias) {
  GraphBuilder b;
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, pad);
  conv.has_bias = has_bias;
  std::vector<ValueId> inputs = {
      b.Input("x", ir::FixedDims({2, kChannels, kSide, kSide})),
      b.Constant("w", RandomFloats({4, kChannels, 3, 3}, 1))};
  if (has_bias) inputs.push_back(b.Constant("b", RandomFloats({4}, 2)));
  b.Output(b.Node("y", conv, inputs));
  return b.Build();
}

TEST(ByteInputObserverTest, FindsTheLatticeOfEachChannel) {
  const auto lattices = Saw(Normalized(PictureBytes(4, 1))).Lattices();
  ASSERT_TRUE(lattices.has_value());
  ASSERT_EQ(lattices->size(), 3u);
  for (int c = 0; c < 3; ++c) {
    EXPECT_NEAR((*lattices)[c].step, 1 / (255 * kStd[c]), 1e-7);
    EXPECT_NEAR((*lattices)[c].first, -kMean[c] / kStd[c], 1e-6);
  }
}

TEST(ByteInputObserverTest, NothingWhereOneLatticeHoldsAllChannels) {
  const Tensor bytes = PictureBytes(4, 1);
  Tensor reals(DType::kFloat32, bytes.shape());
  std::transform(bytes.data<uint8_t>().begin(), bytes.data<uint8_t>().end(),
                 reals.mutable_data<float>().begin(), [](uint8_t byte) {
                   return static_cast<float>(byte) / 127.5f - 1;
                 });
  EXPECT_FALSE(Saw(reals).Lattices());
}

TEST(ByteInputObserverTest, TellsWhenThereIsNoHope) {
  ByteInputObserver observer(3);
  EXPECT_TRUE(observer.Observe(Normalized(PictureBytes(4, 1)).data<float>(),
                               kSide * kSide));
  EXPECT_FALSE(observer.Observe(
      RandomFloats({1, 3, kSide, kSide}, 5).data<float>(), kSide * kSide));
  EXPECT_FALSE(observer.Lattices());
}

TEST(ByteInputObserverTest, NothingWhereAChannelHasNone) {
  EXPECT_FALSE(Saw(RandomFloats({2, 3, kSide, kSide}, 5)).Lattices());
  Tensor pictures = Normalized(PictureBytes(4, 1));
  pictures.mutable_data<float>()[kSide * kSide] += 0.004f;  // a quarter step
  const Tensor first = pictures.Rows(0, 1);
  EXPECT_TRUE(Saw(Normalized(PictureBytes(1, 1))).Lattices());
  EXPECT_FALSE(Saw(first).Lattices());
}

TEST(ByteInputCandidatesTest, AreWhatOneConvAloneReads) {
  EXPECT_THAT(ByteInputCandidates(OneConv(1, true)), ElementsAre(0));
  GraphBuilder b;
  const ValueId shared = b.Input("shared", RowsAnd({3, 8, 8}));
  const ValueId grouped = b.Input("grouped", RowsAnd({3, 8, 8}));
  const ValueId series = b.Input("series", RowsAnd({3, 8}));
  const ValueId alone = b.Input("alone", RowsAnd({3, 8, 8}));
  const auto conv = [&](const std::string& name, ValueId x, int64_t groups,
                        std::vector<int64_t> kernel) {
    ir::Conv op;
    op.groups = groups;
    op.window = WindowOf(kernel);
    Shape shape = {6, 3 / groups};
    shape.insert(shape.end(), kernel.begin(), kernel.end());
    b.Output(
        b.Node(name, op, {x, b.Constant(name + "_w", RandomFloats(shape, 1))}));
  };
  conv("a", shared, 1, {3, 3});
  conv("b", shared, 1, {3, 3});
  conv("c", grouped, 3, {3, 3});
  conv("d", series, 1, {3});
  conv("e", alone, 1, {3, 3});
  ir::Conv wide;
  wide.window = WindowOf({3, 3}, 9, 5);
  b.Output(b.Node("f", wide,
                  {b.Input("padded_wide", RowsAnd({3, 8, 8})),
                   b.Constant("f_w", RandomFloats({6, 3, 3, 3}, 1))}));
  EXPECT_THAT(ByteInputCandidates(b.Build()), ElementsAre(3));
}

TEST(WithByteInputTest, ComputesTheSameOfTheBytesThemselves) {
  const Tensor bytes = PictureBytes(2, 7);
  const Tensor x = Normalized(bytes);
  const auto reference = reference::CreateReferenceBackend();
  for (int64_t pad : {0, 1}) {
    for (bool has_bias : {false, true}) {
      const ir::Graph before = OneConv(pad, has_bias);
      ValueId id = 0;
      auto after = WithByteInput(before, 0, *Saw(x).Lattices(), &id);
      ASSERT_TRUE(after.has_value());
      const std::string name = after->value(id).name;
      const QuantizationSites sites = ChooseSites(*after);
      EXPECT_EQ(after->value(sites.rounded[0]).name, name);
      after->mutable_outputs().push_back(id);

      const auto want = Interpret(before, *reference, {x});
      const auto got = Interpret(*after, *reference, {x});
      ASSERT_TRUE(want.ok() && got.ok()) << got.status();
      ASSERT_EQ((*want)[0].shape(), (*got)[0].shape());
      for (int64_t i = 0; i < (*want)[0].size(); ++i) {
        ASSERT_NEAR((*want)[0].data<float>()[i], (*got)[0].data<float>()[i],
                    2e-4);
      }
      const Tensor& values = (*got)[1];
      const int64_t side = kSide + 2 * pad;
      ASSERT_EQ(values.shape(), (Shape{2, kChannels, side, side}));
      for (int64_t i = 0; i < bytes.size(); ++i) {
        const int64_t plane = i / (kSide * kSide);
        const int64_t row = i / kSide % kSide;
        const int64_t at = (plane * side + row + pad) * side + i % kSide + pad;
        ASSERT_NEAR(values.data<float>()[at], bytes.data<uint8_t>()[i], 1e-3);
      }
      // What padding with 0 becomes.
      if (pad > 0) {
        EXPECT_NEAR(values.data<float>()[0], 255 * kMean[0], 1e-3);
      }
    }
  }
}

TEST(WithByteInputTest, NothingWhereThePaddingIsNoByte) {
  const std::vector<Lattice> lattices(3, Lattice{1, 0.5});
  ValueId id = 0;
  EXPECT_FALSE(WithByteInput(OneConv(1, true), 0, lattices, &id));
  EXPECT_TRUE(WithByteInput(OneConv(0, true), 0, lattices, &id));
}

}  // namespace
}  // namespace octet::quant
