// SPDX-License-Identifier: Apache-2.0
#include "server/api/infer_stream.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/inference.pb.h"
#include "server/api/api_context.h"
#include "server/api/grpc_status.h"
#include "server/api/infer_request.h"
#include "server/api/request_origin.h"
#include "server/metrics/metrics.h"

namespace octet {

// One request of a stream and its answer.
class InferStreams::Exchange final : public InferRequest::Caller {
 public:
  explicit Exchange(std::shared_ptr<Stream> stream)
      : stream_(std::move(stream)) {}

  inference::ModelInferRequest& message() { return message_; }
  const inference::ModelStreamInferResponse& answer() const { return answer_; }
  // Null before Begin().
  const std::shared_ptr<InferRequest>& request() const { return request_; }

  // Makes request() of the message that was read.
  void Begin(const ApiContext& api,
             std::shared_ptr<const RequestOrigin> origin) {
    request_ = std::make_shared<InferRequest>(
        api, message_, answer_.mutable_infer_response(), this);
    request_->SetOrigin(std::move(origin));
  }

  void OnAnswer(const absl::Status& status,
                std::optional<absl::Duration>) override;

 private:
  const std::shared_ptr<Stream> stream_;
  inference::ModelInferRequest message_;
  inference::ModelStreamInferResponse answer_;
  std::shared_ptr<InferRequest> request_;
};

// gRPC is asked for the next steps without the lock, for it may call back at
// once, and by one thread at a time, or a call could be finished while another
// thread is about to ask something of it.
class InferStreams::Stream final : public Reactor,
                                   public std::enable_shared_from_this<Stream> {
 public:
  Stream(InferStreams* streams, grpc::CallbackServerContext* context)
      : streams_(streams),
        deadline_(DeadlineOf(*context)),
        origin_(OriginOf(*context)) {}

  void ReadOn() { Proceed(); }

  // No more requests; the stream ends with `status` when all are answered.
  void End(const grpc::Status& status);
  void OnAnswer(Exchange* exchange);

  // ServerBidiReactor.
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { streams_->Forget(this); }

 private:
  // Takes every step that is due.
  void Proceed();
  // What gRPC is asked for next.
  struct Steps {
    Exchange* read = nullptr;
    Exchange* write = nullptr;
    std::optional<grpc::Status> finish;

    bool any() const { return read != nullptr || write != nullptr || finish; }
  };
  Steps DecideLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Launch(Exchange* exchange);
  bool MayReadLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Forgets `exchange`, whose answer is written or will never be. The caller
  // destroys it, without the lock.
  std::unique_ptr<Exchange> RemoveLocked(Exchange* exchange)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  InferStreams* const streams_;
  const absl::Time deadline_;
  const std::shared_ptr<const RequestOrigin> origin_;

  absl::Mutex mutex_;
  std::unique_ptr<Exchange> reading_ ABSL_GUARDED_BY(mutex_);
  // Read, and not yet answered in writing, with the bytes of those that wait.
  absl::flat_hash_map<Exchange*, std::unique_ptr<Exchange>> under_way_
      ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Exchange*> answered_ ABSL_GUARDED_BY(mutex_);
  Exchange* writing_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // Begun and perhaps not answered, for OnCancel().
  absl::flat_hash_set<std::shared_ptr<InferRequest>> cancellable_
      ABSL_GUARDED_BY(mutex_);
  bool acting_ ABSL_GUARDED_BY(mutex_) = false;     // a thread asks gRPC
  bool launching_ ABSL_GUARDED_BY(mutex_) = false;  // a thread starts a request
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mutex_);
};

void InferStreams::Exchange::OnAnswer(const absl::Status& status,
                                      std::optional<absl::Duration>) {
  inference::ModelInferResponse& response = *answer_.mutable_infer_response();
  if (status.ok()) {
    (*response.mutable_parameters())["triton_final_response"].set_bool_param(
        true);
  } else {
    response.Clear();
    response.set_id(message_.id());
    answer_.set_error_message(
        absl::StrCat(CodeName(status.code()), ": ", status.message()));
  }
  // The bytes of the request are not kept until the client reads its answer.
  inference::ModelInferRequest().Swap(&message_);
  // Keeps the stream, for this may be destroyed in the call.
  const std::shared_ptr<Stream> stream = stream_;
  stream->OnAnswer(this);
}

bool InferStreams::Stream::MayReadLocked() const {
  // One after the other, so that requests are queued in their order.
  return reading_ == nullptr && !launching_ && !end_ &&
         under_way_.size() < static_cast<size_t>(kMaxInFlight) &&
         bytes_ < streams_->api_.limits.max_bytes;
}

InferStreams::Stream::Steps InferStreams::Stream::DecideLocked() {
  Steps steps;
  if (MayReadLocked()) {
    reading_ = std::make_unique<Exchange>(shared_from_this());
    steps.read = reading_.get();
  }
  if (writing_ == nullptr && !answered_.empty()) {
    steps.write = writing_ = answered_.front();
    answered_.pop_front();
  }
  if (end_ && under_way_.empty()) {
    finished_ = true;
    steps.finish = end_;
  }
  return steps;
}

void InferStreams::Stream::Proceed() {
  bool acted = false;
  while (true) {
    Steps steps;
    {
      absl::MutexLock lock(&mutex_);
      if (acted) acting_ = false;
      // Whoever acts decides again afterwards.
      if (acting_ || finished_) return;
      steps = DecideLocked();
      if (!steps.any()) return;
      acting_ = acted = true;
    }
    if (steps.finish) {
      // `this` may be gone after it.
      Finish(*steps.finish);
      return;
    }
    if (steps.read != nullptr) StartRead(&steps.read->message());
    if (steps.write != nullptr) StartWrite(&steps.write->answer());
  }
}

void InferStreams::Stream::OnReadDone(bool ok) {
  Exchange* exchange = nullptr;
  std::unique_ptr<Exchange> dropped;
  {
    absl::MutexLock lock(&mutex_);
    if (ok && !finished_) {
      exchange = reading_.get();
      under_way_[exchange] = std::move(reading_);
      launching_ = true;
    } else {
      dropped = std::move(reading_);
      // The client has closed its side, or is gone.
      if (!ok && !end_) end_ = grpc::Status::OK;
    }
  }
  if (exchange != nullptr) Launch(exchange);
  dropped.reset();
  Proceed();
}

void InferStreams::Stream::Launch(Exchange* exchange) {
  exchange->Begin(streams_->api_, origin_);
  // The exchange may be over as soon as its request has started.
  const std::shared_ptr<InferRequest> request = exchange->request();
  request->Start(deadline_);
  bool cancelled = false;
  {
    absl::MutexLock lock(&mutex_);
    launching_ = false;
    if (!under_way_.contains(exchange)) return;
    bytes_ += request->bytes();
    cancelled = cancelled_;
    cancellable_.insert(request);
  }
  if (cancelled) request->Cancel();
}

std::unique_ptr<InferStreams::Exchange> InferStreams::Stream::RemoveLocked(
    Exchange* exchange) {
  const auto position = under_way_.find(exchange);
  std::unique_ptr<Exchange> removed = std::move(position->second);
  under_way_.erase(position);
  if (cancellable_.erase(removed->request()) > 0) {
    bytes_ -= removed->request()->bytes();
  }
  return removed;
}

void InferStreams::Stream::OnAnswer(Exchange* exchange) {
  std::unique_ptr<Exchange> dropped;
  {
    absl::MutexLock lock(&mutex_);
    if (cancelled_) {
      dropped = RemoveLocked(exchange);
    } else {
      answered_.push_back(exchange);
    }
  }
  dropped.reset();
  Proceed();
}

void InferStreams::Stream::OnWriteDone(bool) {
  // A write that failed means that the client is gone: OnCancel() sees to it.
  std::unique_ptr<Exchange> written;
  {
    absl::MutexLock lock(&mutex_);
    written = RemoveLocked(std::exchange(writing_, nullptr));
  }
  written.reset();
  Proceed();
}

void InferStreams::Stream::OnCancel() {
  std::vector<std::shared_ptr<InferRequest>> waiting;
  std::vector<std::unique_ptr<Exchange>> dropped;
  {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    end_ = grpc::Status::CANCELLED;
    waiting.assign(cancellable_.begin(), cancellable_.end());
    for (Exchange* const exchange : answered_) {
      dropped.push_back(RemoveLocked(exchange));
    }
    answered_.clear();
  }
  for (const auto& request : waiting) request->Cancel();
  waiting.clear();
  dropped.clear();
  Proceed();
}

void InferStreams::Stream::End(const grpc::Status& status) {
  {
    absl::MutexLock lock(&mutex_);
    if (!end_) end_ = status;
  }
  Proceed();
}

InferStreams::~InferStreams() = default;

InferStreams::Reactor* InferStreams::Open(
    grpc::CallbackServerContext* context) {
  auto stream = std::make_shared<Stream>(this, context);
  Stream* const reactor = stream.get();
  bool ended = false;
  {
    absl::MutexLock lock(&mutex_);
    ended = ended_;
    streams_[reactor] = std::move(stream);
  }
  if (ended) {
    reactor->End(ToGrpcStatus(absl::UnavailableError(api_.state->reason())));
  } else {
    reactor->ReadOn();
  }
  return reactor;
}

void InferStreams::EndAll() {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    for (const auto& [key, stream] : streams_) streams.push_back(stream);
  }
  const grpc::Status reason =
      ToGrpcStatus(absl::UnavailableError(api_.state->reason()));
  for (const auto& stream : streams) stream->End(reason);
}

void InferStreams::Forget(const Stream* stream) {
  std::shared_ptr<Stream> last;
  absl::MutexLock lock(&mutex_);
  const auto position = streams_.find(stream);
  last = std::move(position->second);
  streams_.erase(position);
}

}  // namespace octet
