// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/metrics/metric_list.h"
#include "server/metrics/process_usage.h"

namespace octet {
namespace {

using ::prometheus::Counter;
using ::prometheus::Family;
using ::prometheus::Gauge;
using ::prometheus::Histogram;
using ::prometheus::Labels;
using ::prometheus::Registry;

constexpr int kCodes = 17;  // gRPC's codes, 0 to 16
constexpr int kPhases = 5;

const Histogram::BucketBoundaries kSecondsBuckets = {
    10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3,
    25e-3, 50e-3, 0.1,   0.25,   0.5,    1,      2.5,  5,      10};
// Quantizing takes a fraction of a second to an hour.
const Histogram::BucketBoundaries kJobSecondsBuckets = {
    0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000};
const Histogram::BucketBoundaries kRowsBuckets = {1,  2,   4,   8,   16,  32,
                                                  64, 128, 256, 512, 1024};

template <typename Builder>
auto& Register(Builder builder, const metric_list::Metric& metric,
               Registry* registry) {
  return builder.Name(metric.name).Help(metric.help).Register(*registry);
}

int CodeIndex(absl::StatusCode code) {
  const int index = static_cast<int>(code);
  return index >= 0 && index < kCodes
             ? index
             : static_cast<int>(absl::StatusCode::kUnknown);
}

// Counters by code, each made when it is first needed and all removed
// together. Thread-safe.
class CodeCounters {
 public:
  CodeCounters(Family<Counter>* family, Labels labels)
      : family_(family), labels_(std::move(labels)) {}

  ~CodeCounters() {
    absl::MutexLock lock(&mutex_);
    for (Counter* counter : counters_) {
      if (counter != nullptr) family_->Remove(counter);
    }
  }

  void Count(absl::StatusCode code, int requests = 1) {
    const int index = CodeIndex(code);
    absl::MutexLock lock(&mutex_);
    if (counters_[index] == nullptr) {
      Labels labels = labels_;
      labels["code"] =
          std::string(CodeName(static_cast<absl::StatusCode>(index)));
      try {
        counters_[index] = &family_->Add(labels);
      } catch (const std::exception&) {
        return;  // a request must not fail because it cannot be counted
      }
    }
    counters_[index]->Increment(requests);
  }

 private:
  Family<Counter>* const family_;
  const Labels labels_;
  absl::Mutex mutex_;
  std::array<Counter*, kCodes> counters_ ABSL_GUARDED_BY(mutex_) = {};
};

// The families that have one series a model version.
struct ModelFamilies {
  explicit ModelFamilies(Registry* registry) {
    using ::prometheus::BuildCounter;
    using ::prometheus::BuildGauge;
    using ::prometheus::BuildHistogram;
    const metric_list::Metric phase_metrics[kPhases] = {
        metric_list::kRequestSeconds, metric_list::kQueueSeconds,
        metric_list::kGatherSeconds, metric_list::kComputeSeconds,
        metric_list::kScatterSeconds};
    for (int i = 0; i < kPhases; ++i) {
      phases[i] = &Register(BuildHistogram(), phase_metrics[i], registry);
    }
    batch_rows = &Register(BuildHistogram(), metric_list::kBatchRows, registry);
    requests = &Register(BuildCounter(), metric_list::kRequests, registry);
    rows = &Register(BuildCounter(), metric_list::kRows, registry);
    queued_rows = &Register(BuildGauge(), metric_list::kQueuedRows, registry);
    weight_bytes = &Register(BuildGauge(), metric_list::kWeightBytes, registry);
    arena_bytes = &Register(BuildGauge(), metric_list::kArenaBytes, registry);
    reference_steps =
        &Register(BuildGauge(), metric_list::kReferenceSteps, registry);
  }

  std::array<Family<Histogram>*, kPhases> phases;
  Family<Histogram>* batch_rows;
  Family<Counter>* requests;
  Family<Counter>* rows;
  Family<Gauge>* queued_rows;
  Family<Gauge>* weight_bytes;
  Family<Gauge>* arena_bytes;
  Family<Gauge>* reference_steps;
};

class PrometheusModelMetrics : public ModelMetrics {
 public:
  // May throw what prometheus-cpp throws.
  PrometheusModelMetrics(const ModelFamilies& families, const Labels& labels)
      : families_(families), requests_(families.requests, labels) {
    for (int i = 0; i < kPhases; ++i) {
      phases_[i] = &families.phases[i]->Add(labels, kSecondsBuckets);
    }
    batch_rows_ = &families.batch_rows->Add(labels, kRowsBuckets);
    rows_ = &families.rows->Add(labels);
    queued_rows_ = &families.queued_rows->Add(labels);
    weight_bytes_ = &families.weight_bytes->Add(labels);
    arena_bytes_ = &families.arena_bytes->Add(labels);
    reference_steps_ = &families.reference_steps->Add(labels);
    // A rate needs a sample from before the first request.
    requests_.Count(absl::StatusCode::kOk, 0);
  }

  ~PrometheusModelMetrics() override {
    for (int i = 0; i < kPhases; ++i) families_.phases[i]->Remove(phases_[i]);
    families_.batch_rows->Remove(batch_rows_);
    families_.rows->Remove(rows_);
    families_.queued_rows->Remove(queued_rows_);
    families_.weight_bytes->Remove(weight_bytes_);
    families_.arena_bytes->Remove(arena_bytes_);
    families_.reference_steps->Remove(reference_steps_);
  }

  void Observe(Phase phase, absl::Duration duration) override {
    phases_[static_cast<int>(phase)]->Observe(absl::ToDoubleSeconds(duration));
  }
  void CountBatch(int64_t rows) override {
    batch_rows_->Observe(static_cast<double>(rows));
    rows_->Increment(static_cast<double>(rows));
  }
  void CountRequest(absl::StatusCode code) override { requests_.Count(code); }
  void AddQueuedRows(int64_t rows) override {
    queued_rows_->Increment(static_cast<double>(rows));
  }
  void SetMemory(int64_t weight_bytes, int64_t arena_bytes) override {
    weight_bytes_->Set(static_cast<double>(weight_bytes));
    arena_bytes_->Set(static_cast<double>(arena_bytes));
  }
  void SetReferenceSteps(int64_t steps) override {
    reference_steps_->Set(static_cast<double>(steps));
  }

 private:
  const ModelFamilies& families_;
  std::array<Histogram*, kPhases> phases_;
  Histogram* batch_rows_;
  CodeCounters requests_;
  Counter* rows_;
  Gauge* queued_rows_;
  Gauge* weight_bytes_;
  Gauge* arena_bytes_;
  Gauge* reference_steps_;
};

class PrometheusMetrics : public Metrics {
 public:
  // May throw what prometheus-cpp throws.
  PrometheusMetrics(const std::string& version, const std::string& isa)
      : families_(&registry_),
        unrouted_(&CounterFamily(metric_list::kUnroutedRequests), {}),
        quantizations_(&CounterFamily(metric_list::kQuantizations), {}),
        ready_(AddGauge(metric_list::kReady)),
        loaded_models_(AddGauge(metric_list::kLoadedModels)),
        lanes_(AddGauge(metric_list::kLanes)),
        running_quantizations_(AddGauge(metric_list::kRunningQuantizations)),
        waiting_quantizations_(AddGauge(metric_list::kWaitingQuantizations)),
        quantization_wait_(
            AddJobHistogram(metric_list::kQuantizationWaitSeconds)),
        quantization_(AddJobHistogram(metric_list::kQuantizationSeconds)),
        resident_bytes_(AddGauge(metric_list::kProcessResidentBytes)),
        start_seconds_(AddGauge(metric_list::kProcessStartSeconds)),
        cpu_seconds_(CounterFamily(metric_list::kProcessCpuSeconds).Add({})) {
    Register(::prometheus::BuildGauge(), metric_list::kBuildInfo, &registry_)
        .Add({{"version", version}, {"isa", isa}})
        .Set(1);
  }

  absl::StatusOr<std::shared_ptr<ModelMetrics>> ForModel(
      const std::string& model, const std::string& version) override;

  void CountUnroutedRequest(absl::StatusCode code) override {
    unrouted_.Count(code);
  }
  void CountQuantization(absl::StatusCode code) override {
    quantizations_.Count(code);
  }
  void ObserveQuantization(absl::Duration waited, absl::Duration ran) override {
    quantization_wait_.Observe(absl::ToDoubleSeconds(waited));
    quantization_.Observe(absl::ToDoubleSeconds(ran));
  }
  void SetReady(bool ready) override { ready_.Set(ready ? 1 : 0); }
  void SetLoadedModels(int64_t models) override {
    loaded_models_.Set(static_cast<double>(models));
  }
  void SetLanes(int64_t lanes) override {
    lanes_.Set(static_cast<double>(lanes));
  }
  void SetQuantizations(int64_t waiting, int64_t running) override {
    waiting_quantizations_.Set(static_cast<double>(waiting));
    running_quantizations_.Set(static_cast<double>(running));
  }
  absl::StatusOr<std::string> Text() override;

 private:
  using ModelKey = std::pair<std::string, std::string>;  // name, version
  struct Slot {
    int users = 0;
    std::unique_ptr<ModelMetrics> metrics;
  };

  Family<Counter>& CounterFamily(const metric_list::Metric& metric) {
    return Register(::prometheus::BuildCounter(), metric, &registry_);
  }
  Gauge& AddGauge(const metric_list::Metric& metric) {
    return Register(::prometheus::BuildGauge(), metric, &registry_).Add({});
  }
  Histogram& AddJobHistogram(const metric_list::Metric& metric) {
    return Register(::prometheus::BuildHistogram(), metric, &registry_)
        .Add({}, kJobSecondsBuckets);
  }
  void Release(const ModelKey& key);

  Registry registry_;
  const ModelFamilies families_;
  CodeCounters unrouted_;
  CodeCounters quantizations_;
  Gauge& ready_;
  Gauge& loaded_models_;
  Gauge& lanes_;
  Gauge& running_quantizations_;
  Gauge& waiting_quantizations_;
  Histogram& quantization_wait_;
  Histogram& quantization_;
  Gauge& resident_bytes_;
  Gauge& start_seconds_;
  Counter& cpu_seconds_;

  absl::Mutex mutex_;
  // A count of its own, not a weak_ptr: making and removing equal series must
  // not overlap.
  std::map<ModelKey, Slot> models_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<std::shared_ptr<ModelMetrics>> PrometheusMetrics::ForModel(
    const std::string& model, const std::string& version) {
  const ModelKey key(model, version);
  absl::MutexLock lock(&mutex_);
  Slot& slot = models_[key];
  if (slot.metrics == nullptr) {
    try {
      slot.metrics = std::make_unique<PrometheusModelMetrics>(
          families_, Labels{{"model", model}, {"version", version}});
    } catch (const std::exception& error) {
      models_.erase(key);
      return absl::InternalError(absl::StrCat("metrics of model '", model,
                                              "' version ", version, ": ",
                                              error.what()));
    }
  }
  slot.users += 1;
  return std::shared_ptr<ModelMetrics>(
      slot.metrics.get(), [this, key](ModelMetrics*) { Release(key); });
}

void PrometheusMetrics::Release(const ModelKey& key) {
  absl::MutexLock lock(&mutex_);
  const auto position = models_.find(key);
  if (--position->second.users == 0) models_.erase(position);
}

absl::StatusOr<std::string> PrometheusMetrics::Text() {
  const ProcessUsage usage = ReadProcessUsage();
  resident_bytes_.Set(usage.resident_bytes);
  start_seconds_.Set(usage.start_seconds);
  try {
    {
      absl::MutexLock lock(&mutex_);
      const double more = usage.cpu_seconds - cpu_seconds_.Value();
      if (more > 0) cpu_seconds_.Increment(more);
    }
    return ::prometheus::TextSerializer().Serialize(registry_.Collect());
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat("metrics cannot be collected: ", error.what()));
  }
}

}  // namespace

absl::string_view CodeName(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return "OK";
    case absl::StatusCode::kCancelled:
      return "CANCELLED";
    case absl::StatusCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case absl::StatusCode::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case absl::StatusCode::kNotFound:
      return "NOT_FOUND";
    case absl::StatusCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case absl::StatusCode::kPermissionDenied:
      return "PERMISSION_DENIED";
    case absl::StatusCode::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case absl::StatusCode::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case absl::StatusCode::kAborted:
      return "ABORTED";
    case absl::StatusCode::kOutOfRange:
      return "OUT_OF_RANGE";
    case absl::StatusCode::kUnimplemented:
      return "UNIMPLEMENTED";
    case absl::StatusCode::kInternal:
      return "INTERNAL";
    case absl::StatusCode::kUnavailable:
      return "UNAVAILABLE";
    case absl::StatusCode::kDataLoss:
      return "DATA_LOSS";
    case absl::StatusCode::kUnauthenticated:
      return "UNAUTHENTICATED";
    default:
      return "UNKNOWN";
  }
}

absl::StatusOr<std::unique_ptr<Metrics>> Metrics::Create(
    const std::string& version, const std::string& isa) {
  try {
    return std::make_unique<PrometheusMetrics>(version, isa);
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat("metrics cannot be registered: ", error.what()));
  }
}

}  // namespace octet
