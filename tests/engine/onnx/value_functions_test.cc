// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/value_functions.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/half_types.h"
#include "engine/onnx/einsum_equation.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::onnx {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct IntAttribute {
  std::string name;
  int64_t value;
};

// What the function of `op_type` gives.
absl::StatusOr<std::vector<Tensor>> Call(
    const std::string& op_type, std::vector<std::optional<Tensor>> inputs,
    const std::vector<IntAttribute>& attributes = {}) {
  pb::NodeProto proto;
  proto.set_op_type(op_type);
  proto.add_output("y");
  for (const IntAttribute& given : attributes) {
    pb::AttributeProto* attribute = proto.add_attribute();
    attribute->set_name(given.name);
    attribute->set_type(pb::AttributeProto::INT);
    attribute->set_i(given.value);
  }
  const ValueFunction function = FindValueFunction(op_type);
  if (function == nullptr) return absl::NotFoundError(op_type);
  return function(NodeReader(proto, 13), inputs);
}

std::vector<Tensor> Results(absl::StatusOr<std::vector<Tensor>> results,
                            size_t count) {
  EXPECT_TRUE(results.ok()) << results.status();
  if (!results.ok()) return std::vector<Tensor>(count);
  EXPECT_EQ(results->size(), count);
  return *std::move(results);
}

template <typename T>
std::vector<T> Elements(const Tensor& tensor) {
  const auto data = tensor.data<T>();
  return {data.begin(), data.end()};
}

Tensor Floats(Shape shape, std::vector<float> values) {
  return Tensor::Of<float>(std::move(shape), values);
}
Tensor Ints(Shape shape, std::vector<int64_t> values) {
  return Tensor::Of<int64_t>(std::move(shape), values);
}

TEST(NonZeroTest, GivesOnePositionAColumn) {
  const Tensor y =
      Results(Call("NonZero", {Floats({2, 2}, {1, 0, kNan, -2})}), 1)[0];
  EXPECT_THAT(y.shape(), ElementsAre(2, 3));
  EXPECT_THAT(Elements<int64_t>(y), ElementsAre(0, 1, 1, 0, 0, 1));
}

TEST(NonZeroTest, TakesEveryTypeAndRank) {
  Tensor halves(DType::kFloat16, {2});
  auto* bits = reinterpret_cast<uint16_t*>(halves.mutable_bytes());
  bits[0] = 0x8000;  // -0
  bits[1] = HalfFromFloat(0.5f);
  EXPECT_THAT(Elements<int64_t>(Results(Call("NonZero", {halves}), 1)[0]),
              ElementsAre(1));
  const Tensor flags = Tensor::Of<bool>({3}, {true, false, true});
  EXPECT_THAT(Elements<int64_t>(Results(Call("NonZero", {flags}), 1)[0]),
              ElementsAre(0, 2));
  const Tensor scalar = Results(Call("NonZero", {Ints({}, {7})}), 1)[0];
  EXPECT_THAT(scalar.shape(), ElementsAre(0, 1));
  const Tensor empty = Results(Call("NonZero", {Ints({0, 3}, {})}), 1)[0];
  EXPECT_THAT(empty.shape(), ElementsAre(2, 0));
}

TEST(RangeTest, CountsUpAndDownToBeforeTheLimit) {
  const auto run = [](int64_t start, int64_t limit, int64_t delta) {
    return Elements<int64_t>(
        Results(Call("Range",
                     {Ints({}, {start}), Ints({}, {limit}), Ints({}, {delta})}),
                1)[0]);
  };
  EXPECT_THAT(run(1, 7, 2), ElementsAre(1, 3, 5));
  EXPECT_THAT(run(1, 8, 2), ElementsAre(1, 3, 5, 7));
  EXPECT_THAT(run(3, -3, -3), ElementsAre(3, 0));
  EXPECT_THAT(run(3, 3, 1), IsEmpty());
  EXPECT_THAT(run(3, 9, -1), IsEmpty());
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(run(-kMax - 1, kMax, kMax), ElementsAre(-kMax - 1, -1, kMax - 1));
  EXPECT_THAT(
      Elements<float>(Results(
          Call("Range", {Floats({}, {0}), Floats({}, {1}), Floats({}, {0.4f})}),
          1)[0]),
      ElementsAre(0.0f, 0.4f, 0.8f));
}

TEST(RangeTest, RefusesWhatHasNoEnd) {
  const auto run = [](float start, float limit, float delta) {
    return Call("Range",
                {Floats({}, {start}), Floats({}, {limit}), Floats({}, {delta})})
        .status();
  };
  EXPECT_EQ(run(0, 1, 0).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(run(0, kNan, 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(run(0, 1e30f, 1).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(run(0, std::numeric_limits<float>::infinity(), 1).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Call("Range", {Ints({}, {0}), Ints({}, {1})}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Call("Range",
                 {Ints({}, {0}), Ints({}, {int64_t{1} << 62}), Ints({}, {1})})
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(UniqueTest, SortsAndCounts) {
  const auto y =
      Results(Call("Unique", {Floats({2, 3}, {2, 1, 1, 3, 4, 3})}), 4);
  EXPECT_THAT(Elements<float>(y[0]), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Elements<int64_t>(y[1]), ElementsAre(1, 0, 3, 4));
  EXPECT_THAT(Elements<int64_t>(y[2]), ElementsAre(1, 0, 0, 2, 3, 2));
  EXPECT_THAT(Elements<int64_t>(y[3]), ElementsAre(2, 1, 2, 1));
}

TEST(UniqueTest, KeepsTheOrderOfFirstOccurrence) {
  const auto y = Results(
      Call("Unique", {Ints({6}, {2, 1, 1, 3, 4, 3})}, {{"sorted", 0}}), 4);
  EXPECT_THAT(Elements<int64_t>(y[0]), ElementsAre(2, 1, 3, 4));
  EXPECT_THAT(Elements<int64_t>(y[1]), ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(Elements<int64_t>(y[2]), ElementsAre(0, 1, 1, 2, 3, 2));
  EXPECT_THAT(Elements<int64_t>(y[3]), ElementsAre(1, 2, 2, 1));
}

TEST(UniqueTest, ComparesWholeSlicesOfAnAxis) {
  const Tensor x = Ints({2, 4}, {1, 0, 1, 0, 5, 9, 5, 8});
  const auto y = Results(Call("Unique", {x}, {{"axis", -1}}), 4);
  EXPECT_THAT(y[0].shape(), ElementsAre(2, 3));
  EXPECT_THAT(Elements<int64_t>(y[0]), ElementsAre(0, 0, 1, 8, 9, 5));
  EXPECT_THAT(Elements<int64_t>(y[1]), ElementsAre(3, 1, 0));
  EXPECT_THAT(Elements<int64_t>(y[2]), ElementsAre(2, 1, 2, 0));
  EXPECT_THAT(Elements<int64_t>(y[3]), ElementsAre(1, 1, 2));
}

TEST(UniqueTest, NansAreOneKindBehindAllNumbers) {
  const auto y =
      Results(Call("Unique", {Floats({5}, {kNan, 1, kNan, -0.0f, 0})}), 4);
  EXPECT_THAT(Elements<int64_t>(y[1]), ElementsAre(3, 1, 0));
  EXPECT_THAT(Elements<int64_t>(y[3]), ElementsAre(2, 1, 2));
}

// Three boxes of which the first two overlap by 0.9.
Tensor ThreeBoxes() {
  return Floats({1, 3, 4}, {0, 0, 1, 1, 0, 0.1f, 1, 1, 0, 10, 1, 11});
}

TEST(NonMaxSuppressionTest, KeepsTheBestOfThoseThatOverlap) {
  const Tensor scores = Floats({1, 2, 3}, {0.9f, 0.75f, 0.6f, 0.1f, 0.2f, 0});
  const auto y = Results(
      Call("NonMaxSuppression", {ThreeBoxes(), scores, Ints({}, {3}),
                                 Floats({}, {0.5f}), Floats({}, {0.0f})}),
      1);
  EXPECT_THAT(y[0].shape(), ElementsAre(3, 3));
  EXPECT_THAT(Elements<int64_t>(y[0]), ElementsAre(0, 0, 0, 0, 0, 2, 0, 1, 1));
}

TEST(NonMaxSuppressionTest, TakesAsManyAsAreAskedFor) {
  const Tensor scores = Floats({1, 1, 3}, {0.5f, kNan, 0.6f});
  const auto run = [&](std::optional<Tensor> most) {
    return Elements<int64_t>(
        Results(Call("NonMaxSuppression", {ThreeBoxes(), scores, most}), 1)[0]);
  };
  EXPECT_THAT(run(Ints({1}, {1})), ElementsAre(0, 0, 2));
  EXPECT_THAT(run(Ints({1}, {9})), ElementsAre(0, 0, 2, 0, 0, 0));
  EXPECT_THAT(run(std::nullopt), IsEmpty());
  EXPECT_THAT(run(Ints({}, {-5})), IsEmpty());
}

TEST(NonMaxSuppressionTest, ReadsBoxesByTheirCenter) {
  const Tensor boxes = Floats({1, 2, 4}, {0.5f, 0.5f, 1, 1, 0.5f, 0.6f, 1, 1});
  const Tensor scores = Floats({1, 1, 2}, {0.5f, 0.6f});
  const auto y =
      Results(Call("NonMaxSuppression",
                   {boxes, scores, Ints({}, {2}), Floats({}, {0.5f})},
                   {{"center_point_box", 1}}),
              1);
  EXPECT_THAT(Elements<int64_t>(y[0]), ElementsAre(0, 0, 1));
}

TEST(NonMaxSuppressionTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT(std::string(Call("NonMaxSuppression",
                               {ThreeBoxes(), Floats({1, 1, 2}, {1, 2})})
                              .status()
                              .message()),
              HasSubstr("expected float32[B, N, 4]"));
}

std::string EquationError(const std::string& equation,
                          std::vector<size_t> ranks) {
  return std::string(ParseEinsum(equation, ranks).status().message());
}

TEST(EinsumEquationTest, ReadsTermsAndTheOutput) {
  const auto equation = ParseEinsum(" bij, ...jk -> bk...i", {3, 4});
  ASSERT_TRUE(equation.ok()) << equation.status();
  EXPECT_THAT(equation->inputs[0], ElementsAre(27, 34, 35));
  EXPECT_THAT(equation->inputs[1], ElementsAre(53, 52, 35, 36));
  EXPECT_THAT(equation->output, ElementsAre(27, 36, 53, 52, 34));
}

TEST(EinsumEquationTest, MakesUpTheOutputInOrder) {
  const auto equation = ParseEinsum("ba...,aBc", {3, 3});
  ASSERT_TRUE(equation.ok()) << equation.status();
  EXPECT_THAT(equation->output, ElementsAre(52, 1, 27, 28));
}

TEST(EinsumEquationTest, RefusesWhatIsNone) {
  EXPECT_THAT(EquationError("ij,jk->ik", {2}), HasSubstr("has 2 terms"));
  EXPECT_THAT(EquationError("ij->i", {3}), HasSubstr("2 letters for 3 axes"));
  EXPECT_THAT(EquationError("ij->ii", {2}), HasSubstr("twice"));
  EXPECT_THAT(EquationError("ij->k", {2}), HasSubstr("of no input"));
  EXPECT_THAT(EquationError("i...j...->i", {2}), HasSubstr("one ellipsis"));
  EXPECT_THAT(EquationError("i.j->i", {2}), HasSubstr("one ellipsis"));
  EXPECT_THAT(EquationError("i...->i", {2}), HasSubstr("leaves out"));
}

}  // namespace
}  // namespace octet::onnx
