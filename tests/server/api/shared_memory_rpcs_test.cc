// SPDX-License-Identifier: Apache-2.0
//
// System shared memory, classes, configurations and priorities over a real
// channel.
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/inference.grpc.pb.h"
#include "tests/server/server_fixture.h"
#include "tests/testing/shared_object.h"

namespace octet {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Tensor>
void PutInMemory(const std::string& region, int64_t offset, int64_t size,
                 Tensor* tensor) {
  auto& parameters = *tensor->mutable_parameters();
  parameters["shared_memory_region"].set_string_param(region);
  parameters["shared_memory_byte_size"].set_int64_param(size);
  parameters["shared_memory_offset"].set_int64_param(offset);
}

std::string Bytes(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(float));
}

class SharedMemoryRpcsTest : public ServerFixture {
 protected:
  SharedMemoryRpcsTest() { config_.shared_memory_prefix = "/octet_test"; }

  grpc::Status Register(const std::string& name, const std::string& key,
                        uint64_t offset, uint64_t size) {
    inference::SystemSharedMemoryRegisterRequest request;
    request.set_name(name);
    request.set_key(key);
    request.set_offset(offset);
    request.set_byte_size(size);
    inference::SystemSharedMemoryRegisterResponse response;
    return inference_->SystemSharedMemoryRegister(Context().get(), request,
                                                  &response);
  }

  grpc::Status Unregister(const std::string& name) {
    inference::SystemSharedMemoryUnregisterRequest request;
    request.set_name(name);
    inference::SystemSharedMemoryUnregisterResponse response;
    return inference_->SystemSharedMemoryUnregister(Context().get(), request,
                                                    &response);
  }

  grpc::Status Status(const std::string& name,
                      inference::SystemSharedMemoryStatusResponse* response) {
    inference::SystemSharedMemoryStatusRequest request;
    request.set_name(name);
    return inference_->SystemSharedMemoryStatus(Context().get(), request,
                                                response);
  }

  // A request for one row in shared memory at the region's start.
  static ModelInferRequest SharedRequest(const std::string& region) {
    ModelInferRequest request = FloatRequest("m", {0, 0, 0, 0});
    request.clear_raw_input_contents();
    PutInMemory(region, 0, 16, request.mutable_inputs(0));
    return request;
  }

  void SetUp() override { folder_.Write("m/1/model.onnx", "scale 2"); }
};

TEST_F(SharedMemoryRpcsTest, TellsWhatIsRegistered) {
  Start();
  const SharedObject object(100);
  ASSERT_TRUE(Register("in", object.key(), 20, 60).ok());
  ASSERT_TRUE(Register("out", object.key(), 0, 100).ok());
  EXPECT_EQ(Register("in", object.key(), 0, 1).error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(Register("x", "/elsewhere", 0, 1).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Register("x", object.key(), 0, 101).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  inference::SystemSharedMemoryStatusResponse status;
  ASSERT_TRUE(Status("", &status).ok());
  EXPECT_EQ(status.regions_size(), 2);
  status.Clear();
  ASSERT_TRUE(Status("in", &status).ok());
  ASSERT_EQ(status.regions_size(), 1);
  EXPECT_EQ(status.regions().at("in").name(), "in");
  EXPECT_EQ(status.regions().at("in").key(), object.key());
  EXPECT_EQ(status.regions().at("in").offset(), 20u);
  EXPECT_EQ(status.regions().at("in").byte_size(), 60u);
  EXPECT_EQ(Status("zebra", &status).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(Unregister("in").ok());
  EXPECT_TRUE(Unregister("in").ok());
  EXPECT_EQ(Status("in", &status).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(Unregister("").ok());
  status.Clear();
  ASSERT_TRUE(Status("", &status).ok());
  EXPECT_EQ(status.regions_size(), 0);
}

TEST_F(SharedMemoryRpcsTest, TensorsComeAndGoThroughIt) {
  Start();
  SharedObject object(200);
  object.Write(100, Bytes({1, 2, 3, 4}));
  ASSERT_TRUE(Register("r", object.key(), 100, 100).ok());
  ModelInferRequest request = SharedRequest("r");
  auto* const output = request.add_outputs();
  output->set_name("y");
  PutInMemory("r", 40, 50, output);
  ModelInferResponse response;
  const grpc::Status status = Infer(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(object.Read(140, 16), Bytes({2, 4, 6, 8}));
  EXPECT_EQ(object.Read(156, 4), std::string(4, '\0'));
  ASSERT_EQ(response.outputs_size(), 1);
  const auto& parameters = response.outputs(0).parameters();
  EXPECT_EQ(parameters.at("shared_memory_region").string_param(), "r");
  EXPECT_EQ(parameters.at("shared_memory_byte_size").int64_param(), 16);
  EXPECT_EQ(parameters.at("shared_memory_offset").int64_param(), 40);
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(1, 4));
  // Keeps the place of the output for those behind it.
  ASSERT_EQ(response.raw_output_contents_size(), 1);
  EXPECT_EQ(response.raw_output_contents(0), "");

  // Only the input, and only the output.
  EXPECT_THAT(Answer(SharedRequest("r")), ElementsAre(2, 4, 6, 8));
  ModelInferRequest raw = FloatRequest("m", {5, 5, 5, 5});
  *raw.add_outputs() = *output;
  ASSERT_TRUE(Infer(raw, &response).ok());
  EXPECT_EQ(object.Read(140, 16), Bytes({10, 10, 10, 10}));
}

TEST_F(SharedMemoryRpcsTest, MixesWithRawContents) {
  folder_.Write("e/1/model.onnx", "echo");
  Start();
  SharedObject object(1000);
  ASSERT_TRUE(Register("r", object.key(), 0, 1000).ok());
  inference::ModelMetadataRequest ask;
  ask.set_name("e");
  inference::ModelMetadataResponse metadata;
  ASSERT_TRUE(inference_->ModelMetadata(Context().get(), ask, &metadata).ok());
  const auto size = [](const std::string& datatype) {
    if (absl::StrContains(datatype, "64")) return 16;
    if (absl::StrContains(datatype, "32")) return 8;
    return absl::StrContains(datatype, "16") ? 4 : 2;
  };
  // Every second input and every third output is in shared memory.
  ModelInferRequest request;
  request.set_model_name("e");
  for (int i = 0; i < metadata.inputs_size(); ++i) {
    const auto& spec = metadata.inputs(i);
    const std::string bytes(size(spec.datatype()), '\1');
    auto* const input = request.add_inputs();
    input->set_name(spec.name());
    input->set_datatype(spec.datatype());
    input->add_shape(1);
    input->add_shape(2);
    if (i % 2 == 0) {
      object.Write(20 * i, bytes);
      PutInMemory("r", 20 * i, bytes.size(), input);
    } else {
      request.add_raw_input_contents(bytes);
    }
    auto* const output = request.add_outputs();
    output->set_name(metadata.outputs(i).name());
    if (i % 3 == 0) PutInMemory("r", 500 + 20 * i, bytes.size(), output);
  }
  ModelInferResponse response;
  const grpc::Status status = Infer(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.raw_output_contents_size(), metadata.outputs_size());
  for (int i = 0; i < metadata.outputs_size(); ++i) {
    const std::string bytes(size(metadata.inputs(i).datatype()), '\1');
    EXPECT_EQ(i % 3 == 0 ? object.Read(500 + 20 * i, bytes.size())
                         : response.raw_output_contents(i),
              bytes)
        << i;
  }

  // Booleans are checked there too.
  const int last = request.inputs_size() - 1;
  ASSERT_EQ(request.inputs(last).datatype(), "BOOL");
  object.Write(20 * last, "\1\2");
  const grpc::Status odd = Infer(request, &response);
  EXPECT_EQ(odd.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(odd.error_message(), HasSubstr("byte 1 is 2"));
}

TEST_F(SharedMemoryRpcsTest, WrongPlacesAreRefused) {
  Start();
  SharedObject object(200);
  ASSERT_TRUE(Register("r", object.key(), 0, 100).ok());
  const auto code = [this](const ModelInferRequest& request) {
    ModelInferResponse response;
    return Infer(request, &response).error_code();
  };
  EXPECT_EQ(code(SharedRequest("zebra")), grpc::StatusCode::NOT_FOUND);
  ModelInferRequest request = SharedRequest("r");
  PutInMemory("r", 0, 15, request.mutable_inputs(0));
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  PutInMemory("r", 90, 16, request.mutable_inputs(0));
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  PutInMemory("r", INT64_MAX, 16, request.mutable_inputs(0));
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  PutInMemory("r", 0, INT64_MAX, request.mutable_inputs(0));
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  PutInMemory("r", 0, -16, request.mutable_inputs(0));
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = SharedRequest("r");
  request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);

  request = SharedRequest("r");
  auto* const output = request.add_outputs();
  output->set_name("y");
  PutInMemory("r", 0, 15, output);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  PutInMemory("r", 90, 16, output);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  PutInMemory("zebra", 0, 16, output);
  EXPECT_EQ(code(request), grpc::StatusCode::NOT_FOUND);
  PutInMemory("r", 0, 16, output);
  (*output->mutable_parameters())["classification"].set_int64_param(1);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  output->mutable_parameters()->erase("classification");
  // In place is fine.
  EXPECT_EQ(code(request), grpc::StatusCode::OK);

  // Cut short by its owner, on arrival and while the request is computed.
  object.Resize(5);
  EXPECT_EQ(code(request), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(SharedMemoryRpcsTest, OutputsMustNotOverlap) {
  folder_.Write("e/1/model.onnx", "echo");
  Start();
  SharedObject object(1000);
  ASSERT_TRUE(Register("r", object.key(), 0, 1000).ok());
  ASSERT_TRUE(Register("s", object.key(), 10, 900).ok());
  inference::ModelMetadataRequest ask;
  ask.set_name("e");
  inference::ModelMetadataResponse metadata;
  ASSERT_TRUE(inference_->ModelMetadata(Context().get(), ask, &metadata).ok());
  ModelInferRequest request;
  request.set_model_name("e");
  for (const auto& spec : metadata.inputs()) {
    auto* const input = request.add_inputs();
    input->set_name(spec.name());
    input->set_datatype(spec.datatype());
    input->add_shape(1);
    input->add_shape(2);
    const bool wide = absl::StrContains(spec.datatype(), "64");
    const bool half = absl::StrContains(spec.datatype(), "16");
    const bool full = absl::StrContains(spec.datatype(), "32");
    PutInMemory("r", 0, wide ? 16 : full ? 8 : half ? 4 : 2, input);
  }
  for (const char* name : {"out_int8", "out_uint8"}) {
    request.add_outputs()->set_name(name);
  }
  PutInMemory("r", 11, 2, request.mutable_outputs(0));
  PutInMemory("s", 2, 2, request.mutable_outputs(1));
  ModelInferResponse response;
  const grpc::Status overlap = Infer(request, &response);
  EXPECT_EQ(overlap.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(overlap.error_message(), HasSubstr("overlaps"));
  PutInMemory("s", 3, 2, request.mutable_outputs(1));
  const grpc::Status apart = Infer(request, &response);
  EXPECT_TRUE(apart.ok()) << apart.error_message();
}

TEST_F(SharedMemoryRpcsTest, ARegionInUseOutlivesItsRegistration) {
  Start();
  engine_.Hold();
  SharedObject object(100);
  object.Write(0, Bytes({1, 2, 3, 4}));
  ASSERT_TRUE(Register("r", object.key(), 0, 100).ok());
  const auto context = Context();
  const auto stream = inference_->ModelStreamInfer(context.get());
  ModelInferRequest request = SharedRequest("r");
  auto* const output = request.add_outputs();
  output->set_name("y");
  PutInMemory("r", 20, 16, output);
  ASSERT_TRUE(stream->Write(request));
  engine_.AwaitWaiting(1);
  ASSERT_TRUE(Unregister("r").ok());
  // The input was taken over when the request arrived.
  object.Write(0, Bytes({9, 9, 9, 9}));
  engine_.Release();
  inference::ModelStreamInferResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.error_message(), "");
  EXPECT_EQ(object.Read(20, 16), Bytes({2, 4, 6, 8}));
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(SharedMemoryRpcsTest, AnOutputThatCannotBeWrittenFailsTheRequest) {
  Start();
  engine_.Hold();
  SharedObject object(100);
  ASSERT_TRUE(Register("r", object.key(), 0, 100).ok());
  const auto context = Context();
  const auto stream = inference_->ModelStreamInfer(context.get());
  ModelInferRequest request = FloatRequest("m", {1, 2, 3, 4});
  auto* const output = request.add_outputs();
  output->set_name("y");
  PutInMemory("r", 20, 16, output);
  ASSERT_TRUE(stream->Write(request));
  engine_.AwaitWaiting(1);
  object.Resize(10);
  engine_.Release();
  inference::ModelStreamInferResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_THAT(answer.error_message(),
              AllOf(HasSubstr("FAILED_PRECONDITION"), HasSubstr("output 'y'")));
  EXPECT_EQ(object.size(), 10u);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(SharedMemoryRpcsTest, WithoutAPrefixThereIsNone) {
  config_.shared_memory_prefix = "";
  Start();
  const SharedObject object(100);
  const grpc::Status status = Register("r", object.key(), 0, 1);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("--shared-memory-prefix"));
  inference::ServerMetadataResponse metadata;
  ASSERT_TRUE(inference_->ServerMetadata(Context().get(), {}, &metadata).ok());
  EXPECT_THAT(metadata.extensions(),
              ::testing::Not(::testing::Contains("system_shared_memory")));
}

using RequestRpcsTest = ServerFixture;

TEST_F(RequestRpcsTest, AnswersWithClasses) {
  folder_.Write("m/1/model.onnx", "scale 2");
  Start();
  ModelInferRequest request = FloatRequest("m", {1, 3, 2, 0});
  auto* const output = request.add_outputs();
  output->set_name("y");
  (*output->mutable_parameters())["classification"].set_int64_param(2);
  ModelInferResponse response;
  const grpc::Status status = Infer(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.outputs(0).datatype(), "BYTES");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(1, 2));
  EXPECT_EQ(response.raw_output_contents(0),
            std::string("\x0a\0\0\0", 4) + "6.000000:1" +
                std::string("\x0a\0\0\0", 4) + "4.000000:2");
  (*output->mutable_parameters())["classification"].set_string_param("2");
  EXPECT_EQ(Infer(request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(RequestRpcsTest, TellsTheConfigurationInEffect) {
  folder_.Write("m/3/model.onnx", "scale 2");
  Start();
  inference::ModelConfigRequest request;
  request.set_name("m");
  inference::ModelConfigResponse response;
  grpc::Status status =
      inference_->ModelConfig(Context().get(), request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.config().name(), "m");
  EXPECT_EQ(response.config().max_batch_size(), config_.max_batch);
  ASSERT_EQ(response.config().input_size(), 1);
  EXPECT_EQ(response.config().input(0).name(), "x");
  EXPECT_EQ(response.config().input(0).data_type(), inference::TYPE_FP32);
  EXPECT_THAT(response.config().input(0).dims(), ElementsAre(4));
  EXPECT_TRUE(response.config().has_dynamic_batching());
  request.set_version("4");
  status = inference_->ModelConfig(Context().get(), request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(RequestRpcsTest, APriorityGoesBeforeWhatCameEarlier) {
  config_.max_batch = 1;
  folder_.Write("m/1/model.onnx", "scale 2");
  folder_.Write("m/config.pbtxt",
                "dynamic_batching { priority_levels: 3 "
                "default_priority_level: 2 "
                "priority_queue_policy { key: 3 value { max_queue_size: 1 } } "
                "}");
  Start();
  engine_.Hold();
  const auto context = Context();
  const auto stream = inference_->ModelStreamInfer(context.get());
  const auto send = [&](const std::string& id, int priority) {
    ModelInferRequest request = FloatRequest("m", {1, 1, 1, 1});
    request.set_id(id);
    if (priority > 0) {
      (*request.mutable_parameters())["priority"].set_uint64_param(priority);
    }
    ASSERT_TRUE(stream->Write(request));
  };
  send("first", 0);
  engine_.AwaitWaiting(1);
  send("low", 3);
  send("default", 0);
  send("unknown", 9);
  send("high", 1);
  send("too many", 3);
  inference::ModelStreamInferResponse answer;
  // Refused at once, when all others wait.
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.infer_response().id(), "too many");
  EXPECT_THAT(answer.error_message(), AllOf(HasSubstr("RESOURCE_EXHAUSTED"),
                                            HasSubstr("max_queue_size")));
  engine_.Release();
  stream->WritesDone();
  std::vector<std::string> order;
  while (stream->Read(&answer)) {
    EXPECT_EQ(answer.error_message(), "");
    order.push_back(answer.infer_response().id());
  }
  EXPECT_THAT(order, ElementsAre("first", "high", "default", "unknown", "low"));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(RequestRpcsTest, HostileShapesAndCountsAreRefused) {
  folder_.Write("m/1/model.onnx", "scale 2");
  Start();
  const auto code = [this](const ModelInferRequest& request) {
    ModelInferResponse response;
    return Infer(request, &response).error_code();
  };
  const ModelInferRequest good = FloatRequest("m", {1, 2, 3, 4});
  for (const int64_t rows : {int64_t{-1}, int64_t{0}, INT64_MIN, INT64_MAX,
                             int64_t{1} << 62, int64_t{2}}) {
    ModelInferRequest request = good;
    request.mutable_inputs(0)->set_shape(0, rows);
    EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT) << rows;
  }
  ModelInferRequest request = good;
  request.mutable_inputs(0)->set_shape(1, -4);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = good;
  for (int i = 0; i < 100'000; ++i) request.mutable_inputs(0)->add_shape(1);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = good;
  request.add_raw_input_contents("more");
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = good;
  *request.add_inputs() = good.inputs(0);
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = good;
  request.clear_inputs();
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = good;
  request.mutable_raw_input_contents(0)->pop_back();
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = good;
  (*request.mutable_parameters())["sequence_id"].set_int64_param(1);
  EXPECT_EQ(code(request), grpc::StatusCode::UNIMPLEMENTED);
  request = good;
  (*request.mutable_parameters())["priority"].set_string_param(
      std::string(100'000, 'x'));
  EXPECT_EQ(code(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = good;
  (*request.mutable_parameters())["binary_data_output"].set_bool_param(true);
  EXPECT_EQ(code(request), grpc::StatusCode::OK);
}

}  // namespace
}  // namespace octet
