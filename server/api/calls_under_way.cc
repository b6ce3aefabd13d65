// SPDX-License-Identifier: Apache-2.0
#include "server/api/calls_under_way.h"

#include <memory>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace octet {

// Lives as long as its call.
class CallsUnderWay::OneCall final : public grpc::experimental::Interceptor {
 public:
  explicit OneCall(CallsUnderWay* calls) : calls_(calls) { calls_->Begin(); }
  ~OneCall() override { calls_->End(); }

  void Intercept(
      grpc::experimental::InterceptorBatchMethods* methods) override {
    methods->Proceed();
  }

 private:
  CallsUnderWay* const calls_;
};

class CallsUnderWay::Counter final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Counter(CallsUnderWay* calls) : calls_(calls) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo*) override {
    return new OneCall(calls_);
  }

 private:
  CallsUnderWay* const calls_;
};

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
CallsUnderWay::MakeCounter() {
  return std::make_unique<Counter>(this);
}

void CallsUnderWay::AwaitNone(absl::Duration limit) {
  const auto over = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return hurry_ || calls_ == 0;
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&over), limit);
}

void CallsUnderWay::Hurry() {
  absl::MutexLock lock(&mutex_);
  hurry_ = true;
}

void CallsUnderWay::Begin() {
  absl::MutexLock lock(&mutex_);
  ++calls_;
}

void CallsUnderWay::End() {
  absl::MutexLock lock(&mutex_);
  --calls_;
}

}  // namespace octet
