// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_METRICS_METRICS_H_
#define OCTET_SERVER_METRICS_METRICS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace octet {

// The name that gRPC gives a code: "OK", "NOT_FOUND".
absl::string_view CodeName(absl::StatusCode code);

// The parts of a request's time that have a histogram each.
enum class Phase { kRequest, kQueue, kGather, kCompute, kScatter };

// The series of one model version. Thread-safe; never fails.
class ModelMetrics {
 public:
  virtual ~ModelMetrics() = default;

  virtual void Observe(Phase phase, absl::Duration duration) = 0;
  // A batch of so many rows was computed.
  virtual void CountBatch(int64_t rows) = 0;
  // A request was answered.
  virtual void CountRequest(absl::StatusCode code) = 0;
  // Rows joined the queue, or (negative) left it.
  virtual void AddQueuedRows(int64_t rows) = 0;
  virtual void SetMemory(int64_t weight_bytes, int64_t arena_bytes) = 0;
  virtual void SetReferenceSteps(int64_t steps) = 0;
};

// All metrics of the server; metric_list.h names them. Thread-safe.
class Metrics {
 public:
  // `version` and `isa` are labels of octet_build_info.
  // INTERNAL where a metric cannot be registered.
  static absl::StatusOr<std::unique_ptr<Metrics>> Create(
      const std::string& version, const std::string& isa);

  virtual ~Metrics() = default;

  // The series of `version` of `model`, which disappear with the last copy of
  // the pointer. Equal arguments share the series. The pointer must not
  // outlive the metrics. INTERNAL where the series cannot be made.
  virtual absl::StatusOr<std::shared_ptr<ModelMetrics>> ForModel(
      const std::string& model, const std::string& version) = 0;

  // An inference request was refused before a model was found for it.
  virtual void CountUnroutedRequest(absl::StatusCode code) = 0;
  virtual void CountQuantization(absl::StatusCode code) = 0;
  // A job that ran has ended: how long it was uploaded and waited, and ran.
  virtual void ObserveQuantization(absl::Duration waited,
                                   absl::Duration ran) = 0;

  virtual void SetReady(bool ready) = 0;
  virtual void SetLoadedModels(int64_t models) = 0;
  virtual void SetLanes(int64_t lanes) = 0;
  // Jobs that wait (or are being uploaded), and those that run.
  virtual void SetQuantizations(int64_t waiting, int64_t running) = 0;

  // Everything in Prometheus' text format, version 0.0.4. INTERNAL when it
  // cannot be collected.
  virtual absl::StatusOr<std::string> Text() = 0;
};

}  // namespace octet

#endif  // OCTET_SERVER_METRICS_METRICS_H_
