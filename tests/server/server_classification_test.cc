// SPDX-License-Identifier: Apache-2.0
// The parameter "classification" of an output, over the wire.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/inference.pb.h"
#include "tests/server/server_fixture.h"

namespace octet {
namespace {

using ::testing::ElementsAre;

using ClassificationRpcTest = ServerFixture;

// The elements of a tensor of BYTES.
std::vector<std::string> Texts(const std::string& bytes) {
  std::vector<std::string> texts;
  size_t at = 0;
  while (at + sizeof(uint32_t) <= bytes.size()) {
    uint32_t size = 0;
    std::memcpy(&size, &bytes[at], sizeof(size));
    at += sizeof(size);
    texts.push_back(bytes.substr(at, size));
    at += size;
  }
  return texts;
}

TEST_F(ClassificationRpcTest, ClassesHaveTheLabelsOfTheModelsFile) {
  folder_.Write("m/config.pbtxt",
                "output { name: \"y\" label_filename: \"animals.txt\" }");
  folder_.Write("m/animals.txt", "cat\n\ndog, hound\n");
  folder_.Write("m/1/model.onnx", "scale 2");
  Start();
  auto request = FloatRequest("m", {1, 4, 3, 2});
  auto* output = request.add_outputs();
  output->set_name("y");
  (*output->mutable_parameters())["classification"].set_int64_param(4);
  inference::ModelInferResponse response;
  const grpc::Status status = Infer(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.outputs(0).datatype(), "BYTES");
  // An empty line is no label, and the last class has none.
  EXPECT_THAT(Texts(response.raw_output_contents(0)),
              ElementsAre("8.000000:1", "6.000000:2:dog, hound", "4.000000:3",
                          "2.000000:0:cat"));
}

}  // namespace
}  // namespace octet
