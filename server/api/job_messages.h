// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_JOB_MESSAGES_H_
#define OCTET_SERVER_API_JOB_MESSAGES_H_

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "proto/octet/v1/quantization.pb.h"
#include "server/jobs/job_handles.h"
#include "server/jobs/quantization_jobs.h"

namespace octet {

// The messages of one caller, from the settings to the last one, on their way
// into a job. What was not submitted is forgotten with the object.
//
// Thread-compatible.
class JobMessages {
 public:
  // Both must outlive the object; what to tell a caller who should come back
  // goes into `context`.
  JobMessages(QuantizationJobs* jobs, grpc::CallbackServerContext* context)
      : jobs_(jobs), context_(context) {}

  // Takes the next message. Submits the job if it says that it is the last
  // one. Errors as the RPC Quantize has them.
  absl::Status Take(const v1::QuantizeRequest& request);

  // Submits the job though no message said that it is the last one.
  // INVALID_ARGUMENT where a message has to.
  absl::Status Close();

  // Gives up what was not submitted.
  void Forget() { upload_ = nullptr; }

  // The job's id; empty before the settings.
  const std::string& id() const { return id_; }
  bool submitted() const { return submitted_; }
  // Whether the job goes on without the call.
  bool detach() const { return detach_; }

 private:
  absl::Status TakeSettings(const v1::QuantizeSettings& settings);
  absl::Status Submit();

  QuantizationJobs* const jobs_;
  grpc::CallbackServerContext* const context_;
  std::unique_ptr<JobUpload> upload_;  // from the settings to Submit()
  std::string id_;
  bool submitted_ = false;
  bool detach_ = false;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_JOB_MESSAGES_H_
