// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_QUANTIZATION_SERVICE_H_
#define OCTET_SERVER_API_QUANTIZATION_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "proto/octet/v1/quantization.grpc.pb.h"
#include "server/api/infer_call.h"
#include "server/jobs/quantization_jobs.h"

namespace octet {

// octet.v1.QuantizationService: settings and calibration samples in, progress
// and the new version out. A client that leaves cancels the job.
//
// Thread-safe.
class QuantizationServiceImpl
    : public octet::v1::QuantizationService::CallbackService {
 public:
  // Both must outlive the service.
  QuantizationServiceImpl(const ApiContext* api, QuantizationJobs* jobs)
      : api_(*api), jobs_(jobs) {}

  grpc::ServerBidiReactor<octet::v1::QuantizeRequest,
                          octet::v1::QuantizeResponse>*
  Quantize(grpc::CallbackServerContext* context) override;

 private:
  const ApiContext& api_;
  QuantizationJobs* const jobs_;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_QUANTIZATION_SERVICE_H_
