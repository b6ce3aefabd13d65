// SPDX-License-Identifier: Apache-2.0
#include "server/api/model_statistics.h"

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "proto/inference.pb.h"
#include "server/models/inference_statistics.h"
#include "server/models/loaded_model.h"
#include "server/models/model_registry.h"

namespace octet {
namespace {

void Encode(const StatisticTotal& total, inference::StatisticDuration* wire) {
  wire->set_count(total.count);
  wire->set_ns(absl::ToInt64Nanoseconds(total.duration));
}

// InferStatistics and InferBatchStatistics name the phases alike.
template <typename Statistics>
void EncodePhases(const BatchTotals& totals, Statistics* wire) {
  Encode(totals.gather, wire->mutable_compute_input());
  Encode(totals.compute, wire->mutable_compute_infer());
  Encode(totals.scatter, wire->mutable_compute_output());
}

void Report(const LoadedModel& model, inference::ModelStatistics* wire) {
  const InferenceTotals totals = model.statistics().Read();
  wire->set_name(model.name());
  wire->set_version(model.version_text());
  wire->set_last_inference(absl::ToUnixMillis(totals.last_answer));
  wire->set_inference_count(totals.rows);
  wire->set_execution_count(totals.batches);
  auto* const requests = wire->mutable_inference_stats();
  Encode(totals.success, requests->mutable_success());
  Encode(totals.fail, requests->mutable_fail());
  Encode(totals.queue, requests->mutable_queue());
  EncodePhases(totals.phases, requests);
  // There is no cache: its counts are there, and 0.
  requests->mutable_cache_hit();
  requests->mutable_cache_miss();
  for (const auto& [rows, phases] : totals.by_rows) {
    auto* const batch = wire->add_batch_stats();
    batch->set_batch_size(rows);
    EncodePhases(phases, batch);
  }
  auto* const memory = wire->add_memory_usage();
  memory->set_type("CPU");
  memory->set_byte_size(model.memory_bytes());
}

}  // namespace

absl::Status ReportStatistics(const ModelRegistry& registry,
                              const inference::ModelStatisticsRequest& request,
                              inference::ModelStatisticsResponse* response) {
  if (!request.version().empty()) {
    OCTET_ASSIGN_OR_RETURN(const std::shared_ptr<LoadedModel> model,
                           registry.Find(request.name(), request.version()));
    Report(*model, response->add_model_stats());
    return absl::OkStatus();
  }
  // Says why, where the named model does not serve.
  if (!request.name().empty()) {
    OCTET_RETURN_IF_ERROR(registry.Find(request.name(), "").status());
  }
  for (const auto& model : registry.Serving(request.name())) {
    Report(*model, response->add_model_stats());
  }
  return absl::OkStatus();
}

}  // namespace octet
