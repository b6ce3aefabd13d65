// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONEDNN_DNNL_BOUNDARY_H_
#define OCTET_ENGINE_ONEDNN_DNNL_BOUNDARY_H_

#include <dnnl.hpp>
#include <dnnl_threadpool.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/thread_pool.h"
#include "engine/ir/op.h"
#include "engine/plan/step.h"

// Where octet's types meet oneDNN's, and where its exceptions end.
namespace octet::onednn {

// The one CPU engine of the process.
const dnnl::engine& CpuEngine();

// oneDNN's name for `dtype`. REQUIRES: float32, int8, uint8 or int32.
dnnl::memory::data_type DataType(DType dtype);

// Runs `body`, which may throw dnnl::error; returns its Status or StatusOr, or
// the exception as one: UNIMPLEMENTED where oneDNN has no implementation, else
// INTERNAL.
template <typename Body>
auto WithoutExceptions(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const dnnl::error& error) {
    const std::string message = absl::StrCat("oneDNN: ", error.what());
    if (error.status == dnnl_unimplemented ||
        error.status == dnnl_invalid_arguments) {
      return absl::UnimplementedError(message);
    }
    return absl::InternalError(message);
  }
}

// Tells oneDNN how many threads the primitives that this thread creates next
// will run on. Undone at the end of the scope.
class ScopedConcurrency {
 public:
  explicit ScopedConcurrency(int threads);
  ~ScopedConcurrency();
  ScopedConcurrency(const ScopedConcurrency&) = delete;
  ScopedConcurrency& operator=(const ScopedConcurrency&) = delete;

 private:
  int before_ = 0;
};

// A lane's pool as oneDNN sees it. `pool` must outlive it.
class PoolAdapter : public dnnl::threadpool_interop::threadpool_iface {
 public:
  explicit PoolAdapter(ThreadPool* pool) : pool_(pool) {}

  int get_num_threads() const override { return pool_->threads(); }
  bool get_in_parallel() const override { return ThreadPool::InParallel(); }
  uint64_t get_flags() const override { return 0; }
  void parallel_for(int n, const std::function<void(int, int)>& body) override;

 private:
  ThreadPool* const pool_;
};

// Constants in the layout that a primitive wants, owned by the weight cache.
struct PackedConstant {
  dnnl::memory memory;
};

// Reorders `source` (at `bytes`) to `wanted`; once per `key`.
absl::StatusOr<std::shared_ptr<const PackedConstant>> Pack(
    plan::WeightCache& cache, const std::string& key,
    const dnnl::memory::desc& source, const void* bytes,
    const dnnl::memory::desc& wanted);

// One memory argument of a primitive: bound to a buffer of the plan, or to a
// packed constant.
struct Argument {
  int id = 0;  // DNNL_ARG_...
  dnnl::memory::desc desc;
  enum class Source { kInput, kOutput, kScratch, kPacked } source;
  size_t index = 0;  // of the node's input or output
  std::shared_ptr<const PackedConstant> packed;
};

// A step that executes one primitive.
struct PrimitiveStepParts {
  dnnl::primitive primitive;
  std::string kernel;  // "onednn:" and oneDNN's own name
  std::vector<Argument> arguments;
  size_t scratch_bytes = 0;
  // The input of the node whose bytes must be in the output before the
  // primitive runs, because it adds to them; `residual_bytes` of them.
  std::optional<size_t> residual_input;
  size_t residual_bytes = 0;
  // How often the primitive runs, each time on the next stretch of its inputs
  // and outputs: as many bytes further as its descriptors have.
  int64_t repeats = 1;
};
std::unique_ptr<plan::Step> MakePrimitiveStep(PrimitiveStepParts parts);

// Attributes every primitive of ours has: scratch memory comes from the arena.
dnnl::primitive_attr BaseAttributes();

// Appends a clamp to [lower, upper] where it is one.
void AppendClip(dnnl::post_ops& ops, float lower, float upper);

}  // namespace octet::onednn

#endif  // OCTET_ENGINE_ONEDNN_DNNL_BOUNDARY_H_
