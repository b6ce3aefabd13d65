// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/recurrent_step.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "engine/ir/recurrent_inputs.h"

namespace octet::reference {
namespace {

double ApplyFunction(const ir::RecurrentFunction& f, double x) {
  using Kind = ir::RecurrentActivation;
  switch (f.kind) {
    case Kind::kRelu:
      return std::max(x, 0.0);
    case Kind::kTanh:
      return std::tanh(x);
    case Kind::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Kind::kAffine:
      return f.alpha * x + f.beta;
    case Kind::kLeakyRelu:
      return x < 0 ? f.alpha * x : x;
    case Kind::kThresholdedRelu:
      return x > f.alpha ? x : 0;
    case Kind::kScaledTanh:
      return f.alpha * std::tanh(f.beta * x);
    case Kind::kHardSigmoid:
      return std::clamp(f.alpha * x + f.beta, 0.0, 1.0);
    case Kind::kElu:
      return x < 0 ? f.alpha * std::expm1(x) : x;
    case Kind::kSoftsign:
      return x / (1 + std::abs(x));
    case Kind::kSoftplus:
      return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
  }
  return x;
}

struct RecurrentShape {
  ir::Recurrent op;
  ir::RecurrentInputs at;
  int64_t steps = 0;
  int64_t batch = 0;
  int64_t features = 0;
  int64_t hidden = 0;
  int64_t gates = 0;
  int64_t directions = 1;
  // Of w and r; none where they are floats.
  std::optional<ir::Quantization> weights[2];

  // Sums of all gates, and the state that GRU's reset gate has scaled.
  int64_t scratch() const { return (gates + 1) * hidden; }
};

// One sequence in one direction. The state lives in the outputs y_h and y_c.
class Sequence {
 public:
  Sequence(const RecurrentShape& shape, const LoopMemory& memory,
           int64_t direction, int64_t entry, double* scratch)
      : shape_(shape),
        memory_(memory),
        direction_(direction),
        entry_(entry),
        hidden_(shape.hidden),
        sums_(scratch),
        scaled_(scratch + shape.gates * shape.hidden),
        h_(memory.out<float>(1) + State()),
        functions_(shape.op.functions.data() +
                   direction * ir::FunctionCount(shape.op.kind)) {
    if (lstm()) c_ = memory.out<float>(2) + State();
  }

  void Run() {
    Start(h_, shape_.at.initial_h);
    if (lstm()) Start(c_, shape_.at.initial_c);
    int64_t length = shape_.steps;
    if (shape_.at.sequence_lens.has_value()) {
      length = std::clamp<int64_t>(
          memory_.in<int32_t>(*shape_.at.sequence_lens)[entry_], 0, length);
    }
    const bool backwards =
        direction_ == 1 ||
        shape_.op.direction == ir::RecurrentDirection::kReverse;
    for (int64_t i = 0; i < length; ++i) {
      const int64_t t = backwards ? length - 1 - i : i;
      Step(t);
      std::copy(h_, h_ + hidden_, Output(t));
    }
    for (int64_t t = length; t < shape_.steps; ++t) {
      std::fill(Output(t), Output(t) + hidden_, 0.0f);
    }
  }

 private:
  bool lstm() const { return shape_.op.kind == ir::RecurrentKind::kLstm; }
  int64_t State() const {
    return (direction_ * shape_.batch + entry_) * hidden_;
  }
  float* Output(int64_t t) const {
    return memory_.out<float>(0) +
           ((t * shape_.directions + direction_) * shape_.batch + entry_) *
               hidden_;
  }
  void Start(float* state, std::optional<int> initial) const {
    if (!initial.has_value()) return std::fill(state, state + hidden_, 0.0f);
    const float* from = memory_.in<float>(*initial) + State();
    std::copy(from, from + hidden_, state);
  }

  // Row `unit` of gate `gate` of w (`input` 1) or r (2), `length` long, times
  // `vector`.
  template <typename T>
  double Dot(int input, int64_t gate, int64_t unit, const T* vector,
             int64_t length) const {
    const int64_t row = gate * hidden_ + unit;
    const int64_t first = (direction_ * shape_.gates * hidden_ + row) * length;
    const std::optional<ir::Quantization>& integers = shape_.weights[input - 1];
    if (!integers.has_value()) {
      return Sum(memory_.in<float>(input) + first, vector, length);
    }
    return Sum(memory_.in<int8_t>(input) + first, vector, length) *
           integers->scales[integers->per_tensor() ? 0 : row];
  }
  template <typename W, typename T>
  static double Sum(const W* weights, const T* vector, int64_t length) {
    double sum = 0;
    for (int64_t i = 0; i < length; ++i) {
      sum += static_cast<double>(weights[i]) * vector[i];
    }
    return sum;
  }
  // The bias that goes with w (`part` 0) or r (1).
  double Bias(int64_t part, int64_t gate, int64_t unit) const {
    if (!shape_.at.bias.has_value()) return 0;
    return memory_.in<float>(
        *shape_.at
             .bias)[((direction_ * 2 + part) * shape_.gates + gate) * hidden_ +
                    unit];
  }
  double FromInput(int64_t t, int64_t gate, int64_t unit) const {
    const float* x =
        memory_.in<float>(0) + (t * shape_.batch + entry_) * shape_.features;
    return Dot(1, gate, unit, x, shape_.features) + Bias(0, gate, unit);
  }
  template <typename T>
  double FromState(int64_t gate, int64_t unit, const T* state) const {
    return Dot(2, gate, unit, state, hidden_) + Bias(1, gate, unit);
  }
  // Peephole `gate` (i, o, f) of `unit`.
  double Peephole(int64_t gate, int64_t unit) const {
    if (!shape_.at.peepholes.has_value()) return 0;
    return memory_.in<float>(
        *shape_.at.peepholes)[(direction_ * 3 + gate) * hidden_ + unit];
  }
  double Activated(int function, double x) const {
    const double clip = shape_.op.clip;
    if (clip > 0) x = std::clamp(x, -clip, clip);
    return ApplyFunction(functions_[function], x);
  }
  double& Sum(int64_t gate, int64_t unit) const {
    return sums_[gate * hidden_ + unit];
  }

  void Step(int64_t t) {
    for (int64_t gate = 0; gate < shape_.gates; ++gate) {
      // GRU's candidate (its last gate) sees the state through the reset gate.
      const bool candidate =
          shape_.op.kind == ir::RecurrentKind::kGru && gate == 2;
      for (int64_t u = 0; u < hidden_; ++u) {
        Sum(gate, u) =
            FromInput(t, gate, u) + (candidate ? 0 : FromState(gate, u, h_));
      }
    }
    switch (shape_.op.kind) {
      case ir::RecurrentKind::kRnn:
        for (int64_t u = 0; u < hidden_; ++u) {
          h_[u] = static_cast<float>(Activated(0, Sum(0, u)));
        }
        return;
      case ir::RecurrentKind::kGru:
        return FinishGru();
      case ir::RecurrentKind::kLstm:
        return FinishLstm();
    }
  }

  void FinishLstm() {
    for (int64_t u = 0; u < hidden_; ++u) {
      const double c = c_[u];
      const double i = Activated(0, Sum(0, u) + Peephole(0, u) * c);
      const double f = shape_.op.input_forget
                           ? 1 - i
                           : Activated(0, Sum(2, u) + Peephole(2, u) * c);
      const double next = f * c + i * Activated(1, Sum(3, u));
      const double o = Activated(0, Sum(1, u) + Peephole(1, u) * next);
      c_[u] = static_cast<float>(next);
      h_[u] = static_cast<float>(o * ApplyFunction(functions_[2], next));
    }
  }

  void FinishGru() {
    for (int64_t u = 0; u < hidden_; ++u) {
      Sum(0, u) = Activated(0, Sum(0, u));
      Sum(1, u) = Activated(0, Sum(1, u));
      scaled_[u] = Sum(1, u) * h_[u];
    }
    for (int64_t u = 0; u < hidden_; ++u) {
      Sum(2, u) += shape_.op.linear_before_reset
                       ? Sum(1, u) * FromState(2, u, h_)
                       : FromState(2, u, scaled_);
    }
    for (int64_t u = 0; u < hidden_; ++u) {
      const double z = Sum(0, u);
      h_[u] = static_cast<float>((1 - z) * Activated(1, Sum(2, u)) + z * h_[u]);
    }
  }

  const RecurrentShape& shape_;
  const LoopMemory& memory_;
  const int64_t direction_;
  const int64_t entry_;
  const int64_t hidden_;
  double* const sums_;
  double* const scaled_;
  float* const h_;
  float* c_ = nullptr;
  const ir::RecurrentFunction* const functions_;
};

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Recurrent& op,
                                 const NodeTypes& node) {
  RecurrentShape shape;
  shape.op = op;
  shape.at = ir::InputsOf(op);
  const Shape x = node.input_shape(0);
  shape.steps = x[0];
  shape.batch = x[1];
  shape.features = x[2];
  shape.hidden = op.hidden;
  shape.gates = ir::GateCount(op.kind);
  shape.directions = ir::DirectionCount(op.direction);
  for (int i : {1, 2}) shape.weights[i - 1] = node.input(i).quantization;
  const size_t scratch = node.threads() * shape.scratch() * sizeof(double);
  return MakeLoopStep(
      [shape = std::move(shape)](const LoopMemory& memory) {
        auto* scratch = reinterpret_cast<double*>(memory.scratch);
        memory.pool->ParallelRanges(
            shape.directions * shape.batch,
            [&](int64_t begin, int64_t end, int thread) {
              for (int64_t i = begin; i < end; ++i) {
                Sequence(shape, memory, i / shape.batch, i % shape.batch,
                         scratch + thread * shape.scratch())
                    .Run();
              }
            });
      },
      scratch);
}

}  // namespace octet::reference
