// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_BENCH_GRPC_LOAD_H_
#define OCTET_TESTS_BENCH_GRPC_LOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/inference.grpc.pb.h"

// Load on a server of the inference protocol, over loopback.
namespace octet::bench {

// One server and the request that it is sent.
class Target {
 public:
  Target(int port, inference::ModelInferRequest request);

  inference::GRPCInferenceService::Stub* stub() const { return stub_.get(); }
  const inference::ModelInferRequest& request() const { return request_; }

 private:
  std::unique_ptr<inference::GRPCInferenceService::Stub> stub_;
  inference::ModelInferRequest request_;
};

// What came of a load.
struct Outcome {
  std::vector<double> latencies_us;  // of the answers, ascending
  double seconds = 0;
  int64_t exhausted = 0;  // RESOURCE_EXHAUSTED
  int64_t expired = 0;    // DEADLINE_EXCEEDED
  int64_t failed = 0;     // any other error

  double Quantile(double share) const;
  double PerSecond() const { return latencies_us.size() / seconds; }
};

// One call after the other.
Outcome CallInTurn(const Target& target, absl::Duration duration);

// `in_flight` calls at any time.
Outcome KeepInFlight(const Target& target, int in_flight,
                     absl::Duration duration);

// `rate` calls a second whatever becomes of them, each with `deadline` to go.
Outcome SendAtRate(const Target& target, double rate, absl::Duration deadline,
                   absl::Duration duration);

}  // namespace octet::bench

#endif  // OCTET_TESTS_BENCH_GRPC_LOAD_H_
