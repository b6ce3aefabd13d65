// SPDX-License-Identifier: Apache-2.0
#include "engine/onednn/dnnl_boundary.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "engine/base/check.h"

namespace octet::onednn {
namespace {

class BoundPrimitive : public plan::BoundStep {
 public:
  BoundPrimitive(const PrimitiveStepParts& parts,
                 const plan::Bindings& bindings)
      : primitive_(parts.primitive),
        adapter_(bindings.pool),
        stream_(dnnl::threadpool_interop::make_stream(CpuEngine(), &adapter_)) {
    for (int64_t i = 0; i < parts.repeats; ++i) {
      std::unordered_map<int, dnnl::memory>& run = runs_.emplace_back();
      for (const Argument& argument : parts.arguments) {
        run.emplace(argument.id, Bound(argument, bindings, i));
      }
    }
    if (parts.residual_input) {
      residual_ = bindings.inputs[*parts.residual_input];
      output_ = bindings.outputs[0];
      residual_bytes_ = parts.residual_bytes;
    }
  }

  absl::Status Run() override {
    if (residual_ != nullptr) {
      std::memcpy(output_, residual_, residual_bytes_);
    }
    return WithoutExceptions([&] {
      for (const auto& arguments : runs_) {
        primitive_.execute(stream_, arguments);
      }
      return absl::OkStatus();
    });
  }

 private:
  static dnnl::memory Bound(const Argument& argument,
                            const plan::Bindings& bindings, int64_t run) {
    const size_t offset = argument.desc.get_size() * run;
    const void* address = nullptr;
    switch (argument.source) {
      case Argument::Source::kPacked:
        return argument.packed->memory;
      case Argument::Source::kInput:
        address = bindings.inputs[argument.index] + offset;
        break;
      case Argument::Source::kOutput:
        address = bindings.outputs[argument.index] + offset;
        break;
      case Argument::Source::kScratch:
        address = bindings.scratch;
        break;
    }
    // oneDNN takes one pointer type for what it reads and what it writes.
    return dnnl::memory(argument.desc, CpuEngine(), const_cast<void*>(address));
  }

  const dnnl::primitive primitive_;
  PoolAdapter adapter_;
  dnnl::stream stream_;
  std::vector<std::unordered_map<int, dnnl::memory>> runs_;
  const std::byte* residual_ = nullptr;
  std::byte* output_ = nullptr;
  size_t residual_bytes_ = 0;
};

class PrimitiveStep : public plan::Step {
 public:
  explicit PrimitiveStep(PrimitiveStepParts parts) : parts_(std::move(parts)) {}

  std::string kernel() const override { return parts_.kernel; }
  size_t scratch_bytes() const override { return parts_.scratch_bytes; }
  bool reads_input(size_t index) const override {
    return parts_.residual_input == index ||
           std::any_of(parts_.arguments.begin(), parts_.arguments.end(),
                       [index](const Argument& argument) {
                         return argument.source == Argument::Source::kInput &&
                                argument.index == index;
                       });
  }
  absl::StatusOr<std::unique_ptr<plan::BoundStep>> Bind(
      const plan::Bindings& bindings) const override {
    return WithoutExceptions(
        [&]() -> absl::StatusOr<std::unique_ptr<plan::BoundStep>> {
          return std::make_unique<BoundPrimitive>(parts_, bindings);
        });
  }

 private:
  const PrimitiveStepParts parts_;
};

}  // namespace

const dnnl::engine& CpuEngine() {
  // Never destroyed: steps may outlive the end of main().
  static const auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

dnnl::memory::data_type DataType(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return dnnl::memory::data_type::f32;
    case DType::kInt8:
      return dnnl::memory::data_type::s8;
    case DType::kUInt8:
      return dnnl::memory::data_type::u8;
    case DType::kInt32:
      return dnnl::memory::data_type::s32;
    default:
      OCTET_CHECK(false);
  }
}

ScopedConcurrency::ScopedConcurrency(int threads) {
  dnnl_threadpool_interop_get_max_concurrency(&before_);
  dnnl_threadpool_interop_set_max_concurrency(threads);
}

ScopedConcurrency::~ScopedConcurrency() {
  dnnl_threadpool_interop_set_max_concurrency(before_);
}

void PoolAdapter::parallel_for(int n,
                               const std::function<void(int, int)>& body) {
  pool_->ParallelRun(n, [&](int64_t i) { body(static_cast<int>(i), n); });
}

absl::StatusOr<std::shared_ptr<const PackedConstant>> Pack(
    plan::WeightCache& cache, const std::string& key,
    const dnnl::memory::desc& source, const void* bytes,
    const dnnl::memory::desc& wanted) {
  return cache.GetOrMake<PackedConstant>(
      key,
      [&]() -> absl::StatusOr<std::shared_ptr<const PackedConstant>> {
        return WithoutExceptions(
            [&]() -> absl::StatusOr<std::shared_ptr<const PackedConstant>> {
              ThreadPool inline_pool(1);
              PoolAdapter adapter(&inline_pool);
              dnnl::stream stream =
                  dnnl::threadpool_interop::make_stream(CpuEngine(), &adapter);
              dnnl::memory from(source, CpuEngine(), const_cast<void*>(bytes));
              auto packed = std::make_shared<PackedConstant>();
              packed->memory = dnnl::memory(wanted, CpuEngine());
              dnnl::reorder(from, packed->memory)
                  .execute(stream, from, packed->memory);
              stream.wait();
              return packed;
            });
      },
      [&](const PackedConstant&) {
        return static_cast<int64_t>(wanted.get_size());
      });
}

std::unique_ptr<plan::Step> MakePrimitiveStep(PrimitiveStepParts parts) {
  return std::make_unique<PrimitiveStep>(std::move(parts));
}

dnnl::primitive_attr BaseAttributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

void AppendClip(dnnl::post_ops& ops, float lower, float upper) {
  if (std::isinf(lower) && std::isinf(upper)) return;
  if (lower == 0 && std::isinf(upper)) {
    ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
    return;
  }
  ops.append_eltwise(dnnl::algorithm::eltwise_clip, lower, upper);
}

}  // namespace octet::onednn
