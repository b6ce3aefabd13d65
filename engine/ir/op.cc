// SPDX-License-Identifier: Apache-2.0
#include "engine/ir/op.h"

#include <type_traits>

#include "engine/base/check.h"

namespace octet::ir {

absl::string_view OpName(const Op& op) {
  return std::visit(
      [](const auto& specific) -> absl::string_view {
        if constexpr (requires { specific.Name(); }) {
          return specific.Name();
        } else {
          return specific.kTraits.name;
        }
      },
      op);
}

std::string OpAttributes(const Op& op) {
  return std::visit([](const auto& specific) { return specific.Attributes(); },
                    op);
}

bool Rounds(const Op& op) {
  return std::visit(
      [](const auto& specific) {
        if constexpr (requires { specific.Rounds(); }) {
          return specific.Rounds();
        } else {
          return specific.kTraits.rounds;
        }
      },
      op);
}

bool MixesRows(const Op& op, InputTypes inputs, int rows) {
  return std::visit(
      [&](const auto& specific) {
        constexpr OpTraits kTraits =
            std::remove_cvref_t<decltype(specific)>::kTraits;
        if constexpr (kTraits.rows == RowUse::kAsksOp) {
          return specific.MixesRows(inputs, rows);
        } else {
          return kTraits.rows == RowUse::kMixes ||
                 (rows > 0 && kTraits.axes != AxisUse::kNone);
        }
      },
      op);
}

AxisUse AxisUseOf(const Op& op) {
  return std::visit(
      [](const auto& specific) {
        constexpr AxisUse kUse =
            std::remove_cvref_t<decltype(specific)>::kTraits.axes;
        if constexpr (kUse == AxisUse::kMovable) {
          return specific.CanMoveAxes() ? AxisUse::kMovable : AxisUse::kFixed;
        } else {
          return kUse;
        }
      },
      op);
}

void MoveAxes(const AxisMap& map, Op& op) {
  std::visit(
      [&](auto& specific) {
        using Specific = std::remove_reference_t<decltype(specific)>;
        if constexpr (Specific::kTraits.axes == AxisUse::kMovable) {
          specific.MoveAxes(map);
        } else if constexpr (Specific::kTraits.axes == AxisUse::kImage) {
          specific.layout = Layout::kChannelsLast;
        } else {
          OCTET_CHECK(Specific::kTraits.axes == AxisUse::kNone);
        }
      },
      op);
}

bool MovesElements(const Op& op) {
  if (const auto* pool = std::get_if<Pool>(&op)) {
    return pool->kind == PoolKind::kMax;
  }
  if (const auto* pool = std::get_if<GlobalPool>(&op)) {
    return pool->kind == PoolKind::kMax;
  }
  if (const auto* pad = std::get_if<Pad>(&op)) {
    return pad->value == 0 || pad->mode != PadMode::kConstant;
  }
  if (const auto* resize = std::get_if<Resize>(&op)) {
    return resize->mode == ResizeMode::kNearest &&
           resize->coordinates != ResizeCoordinates::kTfCropAndResize;
  }
  return std::holds_alternative<Reshape>(op) ||
         std::holds_alternative<Slice>(op) ||
         std::holds_alternative<Transpose>(op) ||
         std::holds_alternative<Expand>(op) ||
         std::holds_alternative<Concat>(op);
}

bool IsAveragePool(const Op& op) {
  if (const auto* pool = std::get_if<Pool>(&op)) {
    return pool->kind == PoolKind::kAverage;
  }
  const auto* pool = std::get_if<GlobalPool>(&op);
  return pool != nullptr && pool->kind == PoolKind::kAverage;
}

}  // namespace octet::ir
