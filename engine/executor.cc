// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/base/status_macros.h"
#include "engine/base/thread_pool.h"
#include "engine/gather.h"
#include "engine/loaded_model.h"
#include "engine/signature.h"
#include "engine/staged_model.h"

namespace octet {
namespace {

using internal::LoadedModel;
using internal::RowGatherer;

// One batch size: its bound plan and where its rows go in and come out.
struct Bucket {
  int rows = 0;
  std::unique_ptr<plan::BoundPlan> plan;
  std::vector<RowGatherer> gatherers;     // per input
  std::vector<std::byte*> landings;       // per input
  std::vector<const std::byte*> results;  // per output
};

// A position in a sequence of row blocks.
struct Cursor {
  size_t block = 0;
  int64_t row = 0;  // of that block
};

class ArenaExecutor : public Executor {
 public:
  explicit ArenaExecutor(std::shared_ptr<const LoadedModel> model)
      : model_(std::move(model)),
        pool_(model_->options().threads),
        arena_(DType::kUInt8, {model_->arena_bytes()}) {}

  absl::Status Bind() {
    for (int rows : model_->buckets()) {
      const plan::Plan& plan = model_->PlanFor(rows);
      Bucket bucket;
      bucket.rows = rows;
      OCTET_ASSIGN_OR_RETURN(bucket.plan,
                             plan.Bind(arena_.mutable_bytes(), &pool_));
      for (size_t i = 0; i < plan.inputs().size(); ++i) {
        const plan::PlanTensor& input = plan.inputs()[i];
        OCTET_ASSIGN_OR_RETURN(RowGatherer gatherer,
                               RowGatherer::Create(input, model_->batches(),
                                                   model_->input_forms()[i]));
        bucket.gatherers.push_back(std::move(gatherer));
        bucket.landings.push_back(arena_.mutable_bytes() + input.offset);
      }
      for (size_t i = 0; i < plan.outputs().size(); ++i) {
        // An output that nothing computes is a constant of the model.
        const ir::Value& value = plan.graph().value(plan.graph().outputs()[i]);
        bucket.results.push_back(
            value.is_constant() ? value.constant->bytes()
                                : arena_.bytes() + plan.outputs()[i].offset);
      }
      buckets_.push_back(std::move(bucket));
    }
    return absl::OkStatus();
  }

  absl::Status Run(absl::Span<const RowBlock> blocks,
                   RunTimes* times) override {
    OCTET_RETURN_IF_ERROR(CheckBlocks(blocks));
    int64_t left = 0;
    for (const RowBlock& block : blocks) left += block.rows;
    const ThreadPool::Burst burst(&pool_);
    RunTimes total;
    Cursor from;
    Cursor to;
    while (left > 0) {
      const Bucket& bucket = LargestFor(left);
      const absl::Time start = absl::Now();
      Gather(blocks, bucket, from);
      const absl::Time gathered = absl::Now();
      OCTET_RETURN_IF_ERROR(bucket.plan->Run());
      const absl::Time computed = absl::Now();
      Scatter(blocks, bucket, to);
      total.gather += gathered - start;
      total.compute += computed - gathered;
      total.scatter += absl::Now() - computed;
      left -= bucket.rows;
    }
    if (times != nullptr) *times = total;
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Tensor>> RunTensors(
      absl::Span<const Tensor> inputs, RunTimes* times) override {
    if (inputs.size() != model_->inputs().size()) {
      return absl::InvalidArgumentError(absl::StrCat("got ", inputs.size(),
                                                     " inputs; expected ",
                                                     model_->inputs().size()));
    }
    int64_t rows = 1;
    std::vector<const void*> sources;
    for (size_t i = 0; i < inputs.size(); ++i) {
      TensorSpec spec = model_->inputs()[i];
      if (model_->batches()) {
        if (i == 0 && !inputs[0].shape().empty()) rows = inputs[0].shape()[0];
        spec.row_shape.insert(spec.row_shape.begin(), rows);
      }
      OCTET_RETURN_IF_ERROR(internal::CheckTensorFits(spec, inputs[i]));
      sources.push_back(inputs[i].bytes());
    }
    std::vector<Tensor> outputs = MakeOutputs(rows);
    std::vector<void*> targets;
    for (Tensor& output : outputs) targets.push_back(output.mutable_bytes());
    const RowBlock block{rows, sources, targets};
    OCTET_RETURN_IF_ERROR(Run({&block, 1}, times));
    return outputs;
  }

 private:
  // What each output has for `rows` rows.
  std::vector<Tensor> MakeOutputs(int64_t rows) const {
    std::vector<Tensor> outputs;
    for (const TensorSpec& spec : model_->outputs()) {
      Shape shape = spec.row_shape;
      if (model_->batches()) shape.insert(shape.begin(), rows);
      outputs.emplace_back(spec.dtype, std::move(shape));
    }
    return outputs;
  }

  absl::Status CheckBlocks(absl::Span<const RowBlock> blocks) const {
    for (const RowBlock& block : blocks) {
      if (block.inputs.size() != model_->inputs().size() ||
          block.outputs.size() != model_->outputs().size()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "a row block has ", block.inputs.size(), " inputs and ",
            block.outputs.size(), " outputs; expected ",
            model_->inputs().size(), " and ", model_->outputs().size()));
      }
      if (block.rows < 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("a row block has ", block.rows, " rows"));
      }
    }
    if (!model_->batches() && (blocks.size() != 1 || blocks[0].rows != 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the model does not batch (", model_->why_not_batched(),
                       "); expected one block of one row"));
    }
    return absl::OkStatus();
  }

  // The most rows that one plan can take without an empty one: 7 rows are
  // computed as 4, 2 and 1, for no convolution does empty rows for free.
  const Bucket& LargestFor(int64_t rows) const {
    auto larger = std::upper_bound(buckets_.begin(), buckets_.end(), rows,
                                   [](int64_t value, const Bucket& bucket) {
                                     return value < bucket.rows;
                                   });
    return *(larger - 1);
  }

  // Calls body(block, first row of it, rows, rows already done) for the next
  // `count` rows from `cursor`, which moves behind them.
  template <typename Body>
  static void ForRows(absl::Span<const RowBlock> blocks, int64_t count,
                      Cursor& cursor, Body body) {
    int64_t done = 0;
    while (done < count) {
      const RowBlock& block = blocks[cursor.block];
      const int64_t rows = std::min(count - done, block.rows - cursor.row);
      if (rows > 0) body(block, cursor.row, rows, done);
      done += rows;
      cursor.row += rows;
      if (cursor.row == block.rows) cursor = {cursor.block + 1, 0};
    }
  }

  void Gather(absl::Span<const RowBlock> blocks, const Bucket& bucket,
              Cursor& cursor) const {
    ForRows(
        blocks, bucket.rows, cursor,
        [&](const RowBlock& block, int64_t first, int64_t rows, int64_t done) {
          for (size_t i = 0; i < bucket.gatherers.size(); ++i) {
            const auto* source =
                static_cast<const std::byte*>(block.inputs[i]) +
                first * model_->inputs()[i].row_bytes();
            bucket.gatherers[i].Gather(source, done, rows, bucket.landings[i]);
          }
        });
  }

  void Scatter(absl::Span<const RowBlock> blocks, const Bucket& bucket,
               Cursor& cursor) const {
    ForRows(
        blocks, bucket.rows, cursor,
        [&](const RowBlock& block, int64_t first, int64_t rows, int64_t done) {
          for (size_t i = 0; i < bucket.results.size(); ++i) {
            const size_t row_bytes = model_->outputs()[i].row_bytes();
            std::memcpy(
                static_cast<std::byte*>(block.outputs[i]) + first * row_bytes,
                bucket.results[i] + done * row_bytes, rows * row_bytes);
          }
        });
  }

  const std::shared_ptr<const LoadedModel> model_;
  ThreadPool pool_;
  Tensor arena_;
  std::vector<Bucket> buckets_;  // by rows, ascending
};

}  // namespace

absl::StatusOr<std::unique_ptr<Executor>> Executor::Create(
    std::shared_ptr<const Model> model) {
  if (auto staged =
          std::dynamic_pointer_cast<const internal::StagedModel>(model)) {
    return internal::CreateStagedExecutor(std::move(staged));
  }
  auto loaded = std::dynamic_pointer_cast<const LoadedModel>(model);
  if (loaded == nullptr) {
    return absl::InvalidArgumentError(
        "the model was not made by Model::FromFile() or FromBytes()");
  }
  auto executor = std::make_unique<ArenaExecutor>(std::move(loaded));
  OCTET_RETURN_IF_ERROR(executor->Bind());
  return executor;
}

}  // namespace octet
