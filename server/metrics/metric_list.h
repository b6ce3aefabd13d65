// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_METRICS_METRIC_LIST_H_
#define OCTET_SERVER_METRICS_METRIC_LIST_H_

// Every metric that octet-server exports, and nowhere else.
namespace octet::metric_list {

struct Metric {
  const char* name;
  const char* help;
};

// Histograms by model and version. Labels: model, version.
inline constexpr Metric kRequestSeconds = {
    "octet_request_seconds",
    "Time from the arrival of an inference request to its answer, seconds."};
inline constexpr Metric kQueueSeconds = {
    "octet_queue_seconds", "Time that a request waited for a lane, seconds."};
inline constexpr Metric kGatherSeconds = {
    "octet_gather_seconds",
    "Time to gather the rows of a batch into the model's input, seconds."};
inline constexpr Metric kComputeSeconds = {"octet_compute_seconds",
                                           "Time to compute a batch, seconds."};
inline constexpr Metric kScatterSeconds = {
    "octet_scatter_seconds",
    "Time to scatter the rows of a batch into the answers, seconds."};
inline constexpr Metric kBatchRows = {"octet_batch_rows",
                                      "Rows that a lane computed together."};

// Counters and gauges by model and version. Labels: model, version; code for
// the first one.
inline constexpr Metric kRequests = {
    "octet_requests_total",
    "Inference requests answered, by gRPC status code."};
inline constexpr Metric kRows = {"octet_rows_total", "Rows computed."};
inline constexpr Metric kQueuedRows = {"octet_queue_rows",
                                       "Rows that wait for a lane."};
inline constexpr Metric kWeightBytes = {
    "octet_model_weight_bytes",
    "Memory of the model's weights, shared by all lanes, bytes."};
inline constexpr Metric kArenaBytes = {
    "octet_model_arena_bytes",
    "Memory that one lane keeps for the model's tensors, bytes."};
inline constexpr Metric kReferenceSteps = {
    "octet_model_reference_steps",
    "Steps of the model's plan that run on the slow reference loops."};

// The server. Label: code for the first one.
inline constexpr Metric kUnroutedRequests = {
    "octet_unrouted_requests_total",
    "Inference requests refused before they reached a model, by gRPC status "
    "code."};
inline constexpr Metric kReady = {
    "octet_ready", "1 when the server is ready for traffic, else 0."};
inline constexpr Metric kLoadedModels = {"octet_loaded_models",
                                         "Models that are ready."};
inline constexpr Metric kLanes = {
    "octet_lanes", "Batches that the server computes at a time."};
inline constexpr Metric kBuildInfo = {
    "octet_build_info", "Always 1; the labels say what is running."};

// Quantization jobs. Label: code for the first one.
inline constexpr Metric kQuantizations = {
    "octet_quantizations_total",
    "Quantization jobs ended, by gRPC status code."};
inline constexpr Metric kRunningQuantizations = {
    "octet_running_quantizations", "Quantization jobs that run now."};
inline constexpr Metric kWaitingQuantizations = {
    "octet_waiting_quantizations",
    "Quantization jobs that wait or are being uploaded now."};
inline constexpr Metric kQuantizationWaitSeconds = {
    "octet_quantization_wait_seconds",
    "Time of a quantization job from its settings' arrival to its start, "
    "seconds."};
inline constexpr Metric kQuantizationSeconds = {
    "octet_quantization_seconds",
    "Time of a quantization job from its start to its end, seconds."};

// The process, under the names that dashboards expect.
inline constexpr Metric kProcessCpuSeconds = {
    "process_cpu_seconds_total",
    "User and system CPU time of the process, seconds."};
inline constexpr Metric kProcessResidentBytes = {
    "process_resident_memory_bytes", "Resident memory of the process, bytes."};
inline constexpr Metric kProcessStartSeconds = {
    "process_start_time_seconds",
    "When the process started, seconds since the epoch."};

}  // namespace octet::metric_list

#endif  // OCTET_SERVER_METRICS_METRIC_LIST_H_
