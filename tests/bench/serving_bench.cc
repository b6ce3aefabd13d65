// SPDX-License-Identifier: Apache-2.0
//
// What serving costs: octet's server beside a bare gRPC server that returns the
// same bytes, in one process and in turns, for the machine's speed changes from
// second to second. Believe the smallest differences.
#include <grpcpp/client_context.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/onnx/exporter.h"
#include "server/server.h"
#include "tests/bench/grpc_load.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/scratch_folder.h"

namespace octet::bench {
namespace {

struct Flags {
  int rounds = 7;
  double seconds = 1;  // of every measurement
  bool overload = false;
  bool first = false;
};

class EchoService final
    : public inference::GRPCInferenceService::CallbackService {
 public:
  grpc::ServerUnaryReactor* ModelInfer(
      grpc::CallbackServerContext* context,
      const inference::ModelInferRequest* request,
      inference::ModelInferResponse* response) override {
    response->set_model_name(request->model_name());
    response->set_model_version("1");
    auto* const output = response->add_outputs();
    output->set_name("y");
    output->set_datatype("FP32");
    *output->mutable_shape() = request->inputs(0).shape();
    response->add_raw_output_contents(request->raw_input_contents(0));
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

inference::ModelInferRequest RequestOf(const std::string& model,
                                       const Shape& shape) {
  inference::ModelInferRequest request;
  request.set_model_name(model);
  auto* const input = request.add_inputs();
  input->set_name("x");
  input->set_datatype("FP32");
  for (const int64_t dim : shape) input->add_shape(dim);
  const Tensor values = RandomFloats(shape, 1);
  request.add_raw_input_contents(std::string(
      reinterpret_cast<const char*>(values.bytes()), values.byte_size()));
  return request;
}

// 12 kB in, 12 kB out, hardly a computation.
std::string TinyModel() {
  GraphBuilder b;
  b.Output(b.Node("y", ir::Unary{ir::UnaryKind::kAbs},
                  {b.Input("x", RowsAnd({3, 32, 32}))}));
  return *onnx::ExportModel(b.Build());
}

// A few milliseconds of convolutions.
std::string SlowModel() {
  GraphBuilder b;
  ir::ValueId x = b.Input("x", RowsAnd({64, 28, 28}));
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  for (int i = 0; i < 6; ++i) {
    const std::string name = absl::StrCat("c", i);
    x = b.Node(name, conv,
               {x, b.Constant(name + "w",
                              RandomFloats({64, 64, 3, 3}, i, -0.05f, 0.05f))});
  }
  b.Output(b.Node("y", ir::GlobalPool{}, {x}));
  return *onnx::ExportModel(b.Build());
}

EngineFunctions RealEngine() {
  EngineFunctions engine;
  engine.load = [](const std::string& path, const ModelOptions& options) {
    return Model::FromFile(path, options);
  };
  engine.make_executor = [](std::shared_ptr<const Model> model) {
    return Executor::Create(std::move(model));
  };
  engine.load_bytes = [](absl::string_view bytes, const ModelOptions& options) {
    return Model::FromBytes(bytes, options);
  };
  engine.quantize = Quantize;
  engine.make_synthetic_samples = MakeSyntheticSamples;
  engine.evaluate = Evaluate;
  return engine;
}

// Median time of the engine alone for one row, microseconds.
double InProcessMedian(const std::string& bytes, const Target& target,
                       absl::Duration duration) {
  auto model = Model::FromBytes(bytes, {});
  auto executor = Executor::Create(*model);
  std::vector<std::byte> answer((*model)->outputs()[0].row_bytes());
  const void* inputs[] = {target.request().raw_input_contents(0).data()};
  void* outputs[] = {answer.data()};
  const RowBlock block = {1, inputs, outputs};
  std::vector<double> times;
  const absl::Time end = absl::Now() + duration;
  while (absl::Now() < end) {
    const absl::Time start = absl::Now();
    if (!(*executor)->Run({&block, 1}, nullptr).ok()) std::abort();
    times.push_back(absl::ToDoubleMicroseconds(absl::Now() - start));
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2,
                   times.end());
  return times[times.size() / 2];
}

void PrintSorted(const char* what, const char* unit,
                 std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::printf("%-44s best of rounds %9.1f  median %9.1f  worst %9.1f %s\n",
              what, values.front(), values[values.size() / 2], values.back(),
              unit);
}

void CompareWithEcho(const Flags& flags, const Target& echo,
                     const Target& octet, double engine_us) {
  const absl::Duration each = absl::Seconds(flags.seconds);
  std::vector<double> echo_us, octet_us, more_us, echo_rate, octet_rate, lost;
  for (int round = 0; round < flags.rounds; ++round) {
    const double a = CallInTurn(echo, each).Quantile(0.5);
    const double b = CallInTurn(octet, each).Quantile(0.5);
    const double c = KeepInFlight(echo, 32, each).PerSecond();
    const double d = KeepInFlight(octet, 32, each).PerSecond();
    echo_us.push_back(a);
    octet_us.push_back(b);
    more_us.push_back(b - a - engine_us);
    echo_rate.push_back(-c);
    octet_rate.push_back(-d);
    lost.push_back(100 * (1 - d / c));
  }
  PrintSorted("echo, one caller, p50", "us", echo_us);
  PrintSorted("octet, one caller, p50", "us", octet_us);
  std::printf("%-44s %9.1f us\n", "engine alone, p50", engine_us);
  PrintSorted("octet less echo less engine", "us", more_us);
  for (std::vector<double>* rates : {&echo_rate, &octet_rate}) {
    for (double& rate : *rates) rate = -rate;
    std::sort(rates->rbegin(), rates->rend());
  }
  std::printf("%-44s best of rounds %9.0f  median %9.0f requests a second\n",
              "echo, 32 in flight", echo_rate.front(),
              echo_rate[echo_rate.size() / 2]);
  std::printf("%-44s best of rounds %9.0f  median %9.0f requests a second\n",
              "octet, 32 in flight", octet_rate.front(),
              octet_rate[octet_rate.size() / 2]);
  PrintSorted("octet's rate below echo's", "%", lost);
}

void Overload(const Flags& flags, const Target& slow) {
  const absl::Duration each = absl::Seconds(3 * flags.seconds);
  constexpr absl::Duration kDeadline = absl::Milliseconds(200);
  for (int round = 0; round < flags.rounds; ++round) {
    const double capacity = KeepInFlight(slow, 16, each).PerSecond();
    const Outcome flood = SendAtRate(slow, 5 * capacity, kDeadline, each);
    std::printf(
        "capacity %.0f/s; at 5 times that: %.0f/s answered (%.1f %%), p99 "
        "%.1f ms of %.0f ms, %ld refused, %ld expired, %ld failed\n",
        capacity, flood.PerSecond(), 100 * flood.PerSecond() / capacity,
        flood.Quantile(0.99) / 1e3, absl::ToDoubleMilliseconds(kDeadline),
        flood.exhausted, flood.expired, flood.failed);
  }
}

double CallMicroseconds(const Target& target) {
  grpc::ClientContext context;
  inference::ModelInferResponse response;
  const absl::Time start = absl::Now();
  const grpc::Status status =
      target.stub()->ModelInfer(&context, target.request(), &response);
  if (!status.ok()) std::abort();
  return absl::ToDoubleMicroseconds(absl::Now() - start);
}

// The first answer of a version that was just loaded beside its hundredth.
absl::Status CompareFirstAnswer(const Flags& flags, ScratchFolder& folder,
                                const Target& slow) {
  const std::string bytes = SlowModel();
  std::vector<double> ratios;
  for (int round = 0; round < flags.rounds; ++round) {
    folder.Write(absl::StrCat("slow/", round + 2, "/model.onnx"), bytes);
    inference::RepositoryModelLoadRequest load;
    load.set_model_name("slow");
    inference::RepositoryModelLoadResponse loaded;
    grpc::ClientContext context;
    const grpc::Status status =
        slow.stub()->RepositoryModelLoad(&context, load, &loaded);
    if (!status.ok()) return absl::InternalError(status.error_message());
    std::vector<double> times;
    for (int call = 0; call < 120; ++call) {
      times.push_back(CallMicroseconds(slow));
    }
    // A lone hundredth would say more of the machine than of the server.
    const double first = times[0];
    std::sort(times.begin() + 80, times.end());
    ratios.push_back(first / times[100]);
    std::printf("first answer %9.1f us, about the hundredth %9.1f us\n", first,
                times[100]);
  }
  PrintSorted("first answer by the hundredth", "times", ratios);
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  EchoService service;
  int echo_port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &echo_port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> echo_server = builder.BuildAndStart();

  ScratchFolder folder;
  const std::string tiny = TinyModel();
  folder.Write("tiny/1/model.onnx", tiny);
  folder.Write("slow/1/model.onnx", SlowModel());
  ServerConfig config;
  config.model_repository = folder.path();
  config.bind_address = "127.0.0.1";
  config.grpc_port = config.http_port = 0;
  OCTET_ASSIGN_OR_RETURN(
      auto server, Server::Start(config, RealEngine(), {"bench", "bench"}));
  OCTET_RETURN_IF_ERROR(server->Load());

  const Target echo(echo_port, RequestOf("tiny", {1, 3, 32, 32}));
  const Target octet(server->grpc_port(), RequestOf("tiny", {1, 3, 32, 32}));
  const Target slow(server->grpc_port(), RequestOf("slow", {1, 64, 28, 28}));
  if (flags.overload) {
    Overload(flags, slow);
  } else if (flags.first) {
    OCTET_RETURN_IF_ERROR(CompareFirstAnswer(flags, folder, slow));
  } else {
    const double engine_us =
        InProcessMedian(tiny, octet, absl::Milliseconds(200));
    CompareWithEcho(flags, echo, octet, engine_us);
  }
  echo_server->Shutdown();
  return absl::OkStatus();
}

}  // namespace
}  // namespace octet::bench

int main(int argc, char** argv) {
  octet::bench::Flags flags;
  CLI::App app("What serving costs beside a bare gRPC echo");
  app.add_option("--rounds", flags.rounds, "how often each is measured")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--seconds", flags.seconds, "how long a measurement takes")
      ->check(CLI::Range(0.01, 600.0))
      ->capture_default_str();
  app.add_flag("--overload", flags.overload,
               "five times the load that the server can bear, instead");
  app.add_flag("--first", flags.first,
               "the first answer of a version beside its hundredth, instead");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = octet::bench::Run(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
