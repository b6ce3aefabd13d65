// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_QUANTIZE_CALL_H_
#define OCTET_SERVER_API_QUANTIZE_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/time/time.h"
#include "proto/octet/v1/quantization.pb.h"
#include "server/api/api_context.h"
#include "server/jobs/quantization_jobs.h"

namespace octet {

// The streaming calls of the quantization service. Each reactor ends after
// `patience` without a message from a caller who has not sent all of its job,
// and deletes itself when gRPC is done with it; `jobs` must outlive it.

// Quantize: uploads a job and watches it.
grpc::ServerBidiReactor<v1::QuantizeRequest, v1::QuantizeResponse>*
BeginQuantizeCall(const ApiContext& api, QuantizationJobs* jobs,
                  absl::Duration patience,
                  grpc::CallbackServerContext* context);

// SubmitJob: uploads a job and leaves it.
grpc::ServerReadReactor<v1::QuantizeRequest>* BeginSubmitCall(
    const ApiContext& api, QuantizationJobs* jobs, absl::Duration patience,
    grpc::CallbackServerContext* context, v1::Job* response);

// WatchJob: tells every state of a job.
grpc::ServerWriteReactor<v1::Job>* BeginWatchCall(
    QuantizationJobs* jobs, const v1::WatchJobRequest& request);

}  // namespace octet

#endif  // OCTET_SERVER_API_QUANTIZE_CALL_H_
