// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/recurrent_step.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/recurrent_inputs.h"
#include "engine/simd/gate_bytes.h"
#include "engine/simd/packed_gates.h"
#include "engine/simd/recurrent_kernels.h"
#include "engine/simd/steps.h"

// LSTM, GRU and RNN as exporters write them: constant weights, the default
// functions, whole sequences. The inputs of many steps are multiplied at once;
// what is left of a step is the product with the state and the gates.
//
// Weights of s8 stay so where the processor multiplies bytes and the layer is
// not tiny; elsewhere they become the floats that they stand for.
namespace octet::simd {
namespace {

using internal::PackedByteGates;
using internal::PackedGates;
using ir::RecurrentKind;

// Sums that are computed together, in rows of gates and in floats: enough that
// the weights are read from memory seldom, few enough that the sums stay in the
// cache.
constexpr int64_t kRowsTogether = 64;
constexpr int64_t kSumsTogether = 64 * 1024;

// Weights of some gates: floats or bytes, the other one empty.
struct GateMatrix {
  PackedGates floats;
  PackedByteGates bytes;

  int64_t width() const { return std::max(floats.width(), bytes.width()); }
  int64_t size_in_bytes() const { return floats.bytes() + bytes.bytes(); }
};

// The constants of one direction.
struct DirectionWeights {
  GateMatrix input;               // all gates
  GateMatrix recurrent;           // GRU: update and reset alone
  GateMatrix candidate;           // GRU: the rest of `recurrent`
  std::vector<float> bias;        // of the sums, as wide as `input`
  std::vector<float> state_bias;  // GRU: added before the reset gate scales
};

struct RecurrentWeights {
  std::vector<DirectionWeights> directions;

  int64_t bytes() const {
    int64_t sum = 0;
    for (const DirectionWeights& d : directions) {
      sum += d.input.size_in_bytes() + d.recurrent.size_in_bytes() +
             d.candidate.size_in_bytes() +
             static_cast<int64_t>((d.bias.size() + d.state_bias.size()) *
                                  sizeof(float));
    }
    return sum;
  }
};

struct RecurrentShape {
  RecurrentKind kind;
  bool first_is_reverse = false;
  bool linear_before_reset = false;
  std::optional<int> initial_h;
  std::optional<int> initial_c;
  int64_t steps = 0;
  int64_t batch = 0;
  int64_t features = 0;
  int64_t hidden = 0;
  int64_t directions = 1;
  int64_t width = 0;        // of a row of sums
  int64_t state_width = 0;  // GRU: of a row of what the candidate's product is
  int64_t code_bytes = 0;   // of a row of codes, s8 weights; else 0
  // Rows of the batch that one piece of work takes, and steps at a time.
  int64_t block = 1;
  int64_t chunk = 1;

  int64_t blocks() const { return (batch + block - 1) / block; }
  int64_t sums_floats() const { return chunk * block * width; }
  int64_t state_floats() const { return block * state_width; }
  // A scale and two bytes for each number, of each row of sums.
  int64_t code_floats() const { return chunk * block * (1 + code_bytes / 2); }
  // Of one thread, in floats.
  int64_t scratch() const {
    return (sums_floats() + state_floats() + code_floats() + 15) / 16 * 16;
  }
};

// The constant W or R of a node: s8 or floats.
class GateConstant {
 public:
  // REQUIRES: input `input` of the node is a constant.
  GateConstant(const plan::StepRequest& request, int input)
      : value_(request.graph.value(request.node.inputs[input])),
        depth_(value_.constant->shape()[2]) {}

  bool IsBytes() const { return value_.type.dtype == DType::kInt8; }
  int64_t depth() const { return depth_; }

  // Rows [first, first + count) of direction `direction`; `bytes` says what
  // becomes of s8.
  GateMatrix Pack(int64_t direction, int64_t first, int64_t count,
                  bool bytes) const {
    const int64_t begin =
        (direction * value_.constant->shape()[1] + first) * depth_;
    if (!IsBytes()) {
      const float* from = value_.constant->data<float>().data() + begin;
      return {PackedGates(from, count, depth_), {}};
    }
    const int8_t* from = value_.constant->data<int8_t>().data() + begin;
    const ir::Quantization& quantization = *value_.type.quantization;
    const int64_t step = quantization.per_tensor() ? 0 : 1;
    const float* scales = quantization.scales.data() + first * step;
    if (bytes) {
      return {{}, PackedByteGates(from, count, depth_, scales, step)};
    }
    std::vector<float> floats(count * depth_);
    for (int64_t i = 0; i < count * depth_; ++i) {
      floats[i] = from[i] * scales[i / depth_ * step];
    }
    return {PackedGates(floats.data(), count, depth_), {}};
  }

 private:
  const ir::Value& value_;
  const int64_t depth_;
};

DirectionWeights Pack(const ir::Recurrent& op, const GateConstant& w,
                      const GateConstant& r, const float* bias,
                      int64_t direction, bool bytes) {
  const int64_t hidden = op.hidden;
  const int64_t rows = ir::GateCount(op.kind) * hidden;
  const bool gru = op.kind == RecurrentKind::kGru;
  DirectionWeights packed;
  packed.input = w.Pack(direction, 0, rows, bytes);
  packed.recurrent = r.Pack(direction, 0, gru ? 2 * hidden : rows, bytes);
  packed.bias.assign(packed.input.width(), 0.0f);
  if (gru) {
    packed.candidate = r.Pack(direction, 2 * hidden, hidden, bytes);
    packed.state_bias.assign(packed.candidate.width(), 0.0f);
  }
  if (bias == nullptr) return packed;
  for (int64_t row = 0; row < rows; ++row) {
    packed.bias[row] = bias[row];
    const float state = bias[rows + row];
    if (gru && op.linear_before_reset && row >= 2 * hidden) {
      packed.state_bias[row - 2 * hidden] = state;
    } else {
      packed.bias[row] += state;
    }
  }
  return packed;
}

// A block of rows of the batch in one direction.
class BlockRun {
 public:
  BlockRun(const RecurrentShape& shape, const RecurrentWeights& weights,
           const internal::RecurrentKernels& kernels,
           const internal::ByteGateKernels* byte_kernels,
           const plan::Bindings& bindings, int64_t item, float* scratch)
      : shape_(shape),
        kernels_(kernels),
        byte_kernels_(byte_kernels),
        direction_(item / shape.blocks()),
        weights_(weights.directions[direction_]),
        first_(item % shape.blocks() * shape.block),
        rows_(std::min(shape.block, shape.batch - first_)),
        x_(reinterpret_cast<const float*>(bindings.inputs[0])),
        y_(reinterpret_cast<float*>(bindings.outputs[0])),
        sums_(scratch),
        candidate_(sums_ + shape.sums_floats()) {
    codes_.scales = candidate_ + shape.state_floats();
    const int64_t rows = shape.chunk * shape.block;
    codes_.high = reinterpret_cast<uint8_t*>(codes_.scales + rows);
    codes_.low = codes_.high + rows * shape.code_bytes;
    h_ = Start(bindings, 1, shape.initial_h);
    if (shape.kind == RecurrentKind::kLstm) {
      c_ = Start(bindings, 2, shape.initial_c);
    }
  }

  void Run() {
    for (int64_t i = 0; i < shape_.steps; i += shape_.chunk) {
      const int64_t count = std::min(shape_.chunk, shape_.steps - i);
      const int64_t first = std::min(TimeOf(i), TimeOf(i + count - 1));
      MultiplyInput(first, count);
      for (int64_t j = 0; j < count; ++j) {
        const int64_t time = TimeOf(i + j);
        Step(time, Sums(time - first));
        backwards_ = !backwards_;
      }
    }
  }

 private:
  // The block's state in output `output`, at its start.
  float* Start(const plan::Bindings& bindings, int output,
               std::optional<int> initial) const {
    const int64_t offset = (direction_ * shape_.batch + first_) * shape_.hidden;
    float* state = reinterpret_cast<float*>(bindings.outputs[output]) + offset;
    const int64_t count = rows_ * shape_.hidden;
    if (initial.has_value()) {
      const auto* from =
          reinterpret_cast<const float*>(bindings.inputs[*initial]) + offset;
      std::copy(from, from + count, state);
    } else {
      std::fill(state, state + count, 0.0f);
    }
    return state;
  }

  // The time of the i-th step.
  int64_t TimeOf(int64_t i) const {
    const bool reverse = direction_ == 1 || shape_.first_is_reverse;
    return reverse ? shape_.steps - 1 - i : i;
  }
  // Those of one step, the `j`-th in time of those that are computed together.
  float* Sums(int64_t j) const {
    return sums_ + j * shape_.block * shape_.width;
  }

  // y += matrix * `rows` rows of x.
  void Multiply(const GateMatrix& matrix, const float* x, int64_t x_stride,
                float* y, int64_t y_stride, int64_t rows) const {
    if (shape_.code_bytes == 0) {
      return kernels_.multiply(
          matrix.floats.Times(x, x_stride, y, y_stride, rows, backwards_));
    }
    internal::GateCodes codes = codes_;
    codes.stride = matrix.bytes.row_bytes();
    byte_kernels_->round({x, x_stride, rows, matrix.bytes.depth(), codes});
    byte_kernels_->multiply(
        matrix.bytes.Times(codes, y, y_stride, rows, backwards_));
  }

  // Of the steps of times [first, first + count).
  void MultiplyInput(int64_t first, int64_t count) const {
    // Of a whole batch, the rows of all steps lie behind each other.
    const int64_t together = rows_ == shape_.batch ? count : 1;
    for (int64_t j = 0; j < count; j += together) {
      float* sums = Sums(j);
      for (int64_t row = 0; row < together * rows_; ++row) {
        std::copy(weights_.bias.begin(), weights_.bias.end(),
                  sums + row * shape_.width);
      }
      const float* x =
          x_ + ((first + j) * shape_.batch + first_) * shape_.features;
      Multiply(weights_.input, x, shape_.features, sums, shape_.width,
               together * rows_);
    }
  }

  void Step(int64_t t, float* sums) const {
    Multiply(weights_.recurrent, h_, shape_.hidden, sums, shape_.width, rows_);
    const int64_t hidden = shape_.hidden;
    if (shape_.kind == RecurrentKind::kGru) FinishGru(sums);
    for (int64_t row = 0; row < rows_; ++row) {
      const float* gates = sums + row * shape_.width;
      float* h = h_ + row * hidden;
      if (shape_.kind == RecurrentKind::kLstm) {
        kernels_.lstm({gates, c_ + row * hidden, h, hidden});
      } else if (shape_.kind == RecurrentKind::kRnn) {
        kernels_.rnn(gates, h, hidden);
      }
    }
    float* y =
        y_ +
        ((t * shape_.directions + direction_) * shape_.batch + first_) * hidden;
    std::copy(h_, h_ + rows_ * hidden, y);
  }

  void FinishGru(float* sums) const {
    const int64_t hidden = shape_.hidden;
    const bool linear = shape_.linear_before_reset;
    const auto row_of = [&](int64_t row) {
      float* gates = sums + row * shape_.width;
      return internal::GruRow{gates,
                              gates + hidden,
                              linear ? gates + 2 * hidden : Candidate(row),
                              linear ? Candidate(row) : nullptr,
                              h_ + row * hidden,
                              h_ + row * hidden,
                              hidden};
    };
    for (int64_t row = 0; row < rows_; ++row) {
      const float* from = linear ? weights_.state_bias.data()
                                 : sums + row * shape_.width + 2 * hidden;
      std::copy(from, from + hidden, Candidate(row));
      std::fill(Candidate(row) + hidden, Candidate(row) + shape_.state_width,
                0.0f);
      if (!linear) kernels_.gru_reset(row_of(row));
    }
    const float* state = linear ? h_ : sums + hidden;
    Multiply(weights_.candidate, state, linear ? hidden : shape_.width,
             candidate_, shape_.state_width, rows_);
    for (int64_t row = 0; row < rows_; ++row) kernels_.gru(row_of(row));
  }
  float* Candidate(int64_t row) const {
    return candidate_ + row * shape_.state_width;
  }

  const RecurrentShape& shape_;
  const internal::RecurrentKernels& kernels_;
  const internal::ByteGateKernels* const byte_kernels_;
  const int64_t direction_;
  const DirectionWeights& weights_;
  const int64_t first_;
  const int64_t rows_;
  const float* const x_;
  float* const y_;
  float* const sums_;
  float* const candidate_;
  internal::GateCodes codes_;
  float* h_ = nullptr;
  float* c_ = nullptr;
  bool backwards_ = false;  // the order in which weights are read
};

absl::Status ExpectDefaultForm(const ir::Recurrent& op) {
  using Kind = ir::RecurrentActivation;
  if (op.has_sequence_lens || op.has_peepholes || op.input_forget ||
      op.clip != 0) {
    return absl::UnimplementedError(
        "sequence lengths, peepholes, coupled gates or a clip");
  }
  const int count = ir::FunctionCount(op.kind);
  for (size_t i = 0; i < op.functions.size(); ++i) {
    const bool gate = count > 1 && i % count == 0;
    if (op.functions[i].kind != (gate ? Kind::kSigmoid : Kind::kTanh)) {
      return absl::UnimplementedError("functions other than the default ones");
    }
  }
  return absl::OkStatus();
}

bool IsConstant(const plan::StepRequest& request, int input) {
  return request.graph.value(request.node.inputs[input]).is_constant();
}

absl::StatusOr<std::shared_ptr<const RecurrentWeights>> WeightsOf(
    const plan::StepRequest& request, const ir::Recurrent& op, bool bytes) {
  const ir::RecurrentInputs at = ir::InputsOf(op);
  const auto make =
      [&]() -> absl::StatusOr<std::shared_ptr<const RecurrentWeights>> {
    const GateConstant w(request, 1);
    const GateConstant r(request, 2);
    const float* bias = nullptr;
    if (op.has_bias) {
      bias = request.graph.value(request.node.inputs[*at.bias])
                 .constant->data<float>()
                 .data();
    }
    auto weights = std::make_shared<RecurrentWeights>();
    const int64_t rows = ir::GateCount(op.kind) * op.hidden;
    for (int64_t d = 0; d < ir::DirectionCount(op.direction); ++d) {
      weights->directions.push_back(Pack(
          op, w, r, bias == nullptr ? nullptr : bias + d * 2 * rows, d, bytes));
    }
    return std::shared_ptr<const RecurrentWeights>(std::move(weights));
  };
  return request.weights->GetOrMake<RecurrentWeights>(
      absl::StrCat("simd/recurrent/", bytes ? "bytes/" : "", request.node.name,
                   "/", request.graph.value(request.node.inputs[1]).name, "/",
                   request.graph.value(request.node.inputs[2]).name),
      make, [](const RecurrentWeights& weights) { return weights.bytes(); });
}

RecurrentShape ShapeOf(const plan::StepRequest& request,
                       const ir::Recurrent& op, const DirectionWeights& one) {
  const ir::RecurrentInputs at = ir::InputsOf(op);
  const Shape x =
      ir::ConcreteShape(request.graph.type(request.node.inputs[0]).dims);
  RecurrentShape shape;
  shape.kind = op.kind;
  shape.first_is_reverse = op.direction == ir::RecurrentDirection::kReverse;
  shape.linear_before_reset = op.linear_before_reset;
  shape.initial_h = at.initial_h;
  shape.initial_c = at.initial_c;
  shape.steps = x[0];
  shape.batch = x[1];
  shape.features = x[2];
  shape.hidden = op.hidden;
  shape.directions = ir::DirectionCount(op.direction);
  shape.width = one.input.width();
  shape.state_width = one.candidate.width();
  shape.code_bytes =
      std::max(one.input.bytes.row_bytes(), one.recurrent.bytes.row_bytes());
  // A piece of work for each thread, and no more: weights are read for each.
  const int64_t pieces =
      std::max<int64_t>(1, request.threads / shape.directions);
  shape.block = std::max<int64_t>(1, (shape.batch + pieces - 1) / pieces);
  const int64_t rows = std::min(kRowsTogether, kSumsTogether / shape.width);
  shape.chunk = std::clamp<int64_t>(rows / shape.block, 1,
                                    std::max<int64_t>(shape.steps, 1));
  return shape;
}

// Units below which rounding a row takes as long as bytes gain (measured: 16
// lose, 24 gain).
constexpr int64_t kFewestUnitsOfBytes = 24;

// What multiplies the node's weights as bytes; null where they are floats or
// become some.
const internal::ByteGateKernels* ByteKernelsFor(
    const plan::StepRequest& request, int64_t hidden) {
  if (hidden < kFewestUnitsOfBytes) return nullptr;
  for (int input : {1, 2}) {
    const GateConstant weights(request, input);
    if (!weights.IsBytes() || weights.depth() > internal::kMaxGateDepth) {
      return nullptr;
    }
  }
  return internal::ByteGateKernelsFor(ActiveIsa());
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreateRecurrentStep(
    const plan::StepRequest& request, const ir::Recurrent& op) {
  OCTET_RETURN_IF_ERROR(ExpectDefaultForm(op));
  if (!IsConstant(request, 1) || !IsConstant(request, 2) ||
      (op.has_bias && !IsConstant(request, *ir::InputsOf(op).bias))) {
    return absl::UnimplementedError("weights that are computed");
  }
  const internal::RecurrentKernels& kernels =
      internal::RecurrentKernelsFor(ActiveIsa());
  const internal::ByteGateKernels* byte_kernels =
      ByteKernelsFor(request, op.hidden);
  OCTET_ASSIGN_OR_RETURN(std::shared_ptr<const RecurrentWeights> weights,
                         WeightsOf(request, op, byte_kernels != nullptr));
  const RecurrentShape shape = ShapeOf(request, op, weights->directions[0]);
  auto body = [shape, weights, byte_kernels,
               &kernels](const plan::Bindings& bindings) {
    auto* scratch = reinterpret_cast<float*>(bindings.scratch);
    bindings.pool->ParallelRanges(
        shape.directions * shape.blocks(),
        [&](int64_t begin, int64_t end, int thread) {
          for (int64_t item = begin; item < end; ++item) {
            BlockRun(shape, *weights, kernels, byte_kernels, bindings, item,
                     scratch + thread * shape.scratch())
                .Run();
          }
        });
  };
  const std::string kernel =
      byte_kernels != nullptr
          ? absl::StrCat("simd:recurrent_s8:", IsaName(ActiveIsa()))
          : absl::StrCat("simd:recurrent:", IsaName(kernels.isa));
  InputUse use{.packed = {1, 2}, .overwritable = std::nullopt};
  if (op.has_bias) use.packed.push_back(*ir::InputsOf(op).bias);
  return MakeKernelStep(kernel,
                        request.threads * shape.scratch() * sizeof(float),
                        std::move(body), std::move(use));
}

}  // namespace octet::simd
