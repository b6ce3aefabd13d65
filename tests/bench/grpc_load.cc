// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/grpc_load.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"

namespace octet::bench {
namespace {

double MicrosecondsSince(absl::Time start) {
  return absl::ToDoubleMicroseconds(absl::Now() - start);
}

// Collects what calls come to, from gRPC's threads.
class Collector {
 public:
  void Begin() {
    absl::MutexLock lock(&mutex_);
    ++open_;
  }

  void End(absl::Time start, const grpc::Status& status) {
    absl::MutexLock lock(&mutex_);
    --open_;
    if (status.ok()) {
      outcome_.latencies_us.push_back(MicrosecondsSince(start));
    } else if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
      ++outcome_.exhausted;
    } else if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      ++outcome_.expired;
    } else {
      ++outcome_.failed;
    }
  }

  // When every call has ended.
  Outcome Take(absl::Time start) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int64_t* open) { return *open == 0; }, &open_));
    outcome_.seconds = absl::ToDoubleSeconds(absl::Now() - start);
    std::sort(outcome_.latencies_us.begin(), outcome_.latencies_us.end());
    return std::move(outcome_);
  }

 private:
  absl::Mutex mutex_;
  int64_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  Outcome outcome_ ABSL_GUARDED_BY(mutex_);
};

// One call; deletes itself.
struct Call {
  grpc::ClientContext context;
  inference::ModelInferResponse response;
  absl::Time start;
};

void Send(const Target& target, absl::Time deadline,
          std::function<void(absl::Time start, const grpc::Status&)> done) {
  auto* call = new Call;
  call->context.set_deadline(absl::ToChronoTime(deadline));
  call->start = absl::Now();
  target.stub()->async()->ModelInfer(
      &call->context, &target.request(), &call->response,
      [call, done = std::move(done)](const grpc::Status& status) {
        done(call->start, status);
        delete call;
      });
}

}  // namespace

Target::Target(int port, inference::ModelInferRequest request)
    : request_(std::move(request)) {
  grpc::ChannelArguments arguments;
  // Its own connection, also to a port that was dialled before.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  stub_ = inference::GRPCInferenceService::NewStub(
      grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                grpc::InsecureChannelCredentials(), arguments));
}

double Outcome::Quantile(double share) const {
  if (latencies_us.empty()) return std::nan("");
  const auto rank = static_cast<size_t>(
      std::ceil(share * static_cast<double>(latencies_us.size())));
  return latencies_us[std::clamp<size_t>(rank, 1, latencies_us.size()) - 1];
}

Outcome CallInTurn(const Target& target, absl::Duration duration) {
  Collector collector;
  const absl::Time start = absl::Now();
  while (absl::Now() < start + duration) {
    grpc::ClientContext context;
    inference::ModelInferResponse response;
    collector.Begin();
    const absl::Time sent = absl::Now();
    collector.End(
        sent, target.stub()->ModelInfer(&context, target.request(), &response));
  }
  return collector.Take(start);
}

Outcome KeepInFlight(const Target& target, int in_flight,
                     absl::Duration duration) {
  Collector collector;
  const absl::Time start = absl::Now();
  const absl::Time end = start + duration;
  std::function<void()> next = [&] {
    Send(target, absl::InfiniteFuture(),
         [&](absl::Time sent, const grpc::Status& status) {
           if (absl::Now() < end) {
             collector.Begin();
             next();
           }
           collector.End(sent, status);
         });
  };
  for (int i = 0; i < in_flight; ++i) {
    collector.Begin();
    next();
  }
  return collector.Take(start);
}

Outcome SendAtRate(const Target& target, double rate, absl::Duration deadline,
                   absl::Duration duration) {
  Collector collector;
  const absl::Time start = absl::Now();
  const auto calls =
      static_cast<int64_t>(rate * absl::ToDoubleSeconds(duration));
  for (int64_t i = 0; i < calls; ++i) {
    absl::SleepFor(start + absl::Seconds(i / rate) - absl::Now());
    collector.Begin();
    Send(target, absl::Now() + deadline,
         [&](absl::Time sent, const grpc::Status& status) {
           collector.End(sent, status);
         });
  }
  // What is answered after the last call was sent counts for no rate.
  Outcome outcome = collector.Take(start);
  outcome.seconds = absl::ToDoubleSeconds(duration);
  return outcome;
}

}  // namespace octet::bench
