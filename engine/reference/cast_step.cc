// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <type_traits>

#include "engine/base/half_types.h"
#include "engine/reference/integer_from_real.h"
#include "engine/reference/steps.h"

namespace octet::reference {
namespace {

// The half types as C++ types that convert from and to float.
struct Half {
  uint16_t bits = 0;
};
struct BFloat16 {
  uint16_t bits = 0;
};

// `visit(T())` for the C++ type of `dtype`.
template <typename Visit>
StepPtr VisitType(DType dtype, Visit visit) {
  switch (dtype) {
    case DType::kFloat32:
      return visit(float());
    case DType::kFloat64:
      return visit(double());
    case DType::kFloat16:
      return visit(Half());
    case DType::kBFloat16:
      return visit(BFloat16());
    case DType::kInt8:
      return visit(int8_t());
    case DType::kUInt8:
      return visit(uint8_t());
    case DType::kInt16:
      return visit(int16_t());
    case DType::kUInt16:
      return visit(uint16_t());
    case DType::kInt32:
      return visit(int32_t());
    case DType::kUInt32:
      return visit(uint32_t());
    case DType::kInt64:
      return visit(int64_t());
    case DType::kUInt64:
      return visit(uint64_t());
    case DType::kBool:
      return visit(bool());
  }
  return nullptr;
}

template <typename To, typename From>
To Convert(From value) {
  if constexpr (std::is_same_v<From, Half>) {
    return Convert<To>(FloatFromHalf(value.bits));
  } else if constexpr (std::is_same_v<From, BFloat16>) {
    return Convert<To>(FloatFromBFloat16(value.bits));
  } else if constexpr (std::is_same_v<To, Half>) {
    return Half{HalfFromFloat(static_cast<float>(value))};
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return BFloat16{BFloat16FromFloat(static_cast<float>(value))};
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != 0;
  } else if constexpr (std::is_floating_point_v<From> &&
                       std::is_integral_v<To>) {
    return IntegerFromReal<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Cast& op, const NodeTypes& node) {
  static_cast<void>(op);
  if (node.output().quantization.has_value()) {
    return node.Unsupported("the result stands for reals");
  }
  const int64_t size = ElementCount(node.output_shape());
  return VisitType(node.input(0).dtype, [&](auto from) {
    return VisitType(node.output().dtype, [&](auto to) {
      return MakeLoopStep([size](const LoopMemory& memory) {
        const auto* x = memory.in<decltype(from)>(0);
        auto* y = memory.out<decltype(to)>();
        for (int64_t i = 0; i < size; ++i) {
          y[i] = Convert<decltype(to)>(x[i]);
        }
      });
    });
  });
}

}  // namespace octet::reference
