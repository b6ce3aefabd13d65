// SPDX-License-Identifier: Apache-2.0
// Many inferences at once: async HOST:PORT MODEL. Sends 32
// requests of one row to a model of one FP32 input and waits for all of them.
#include <future>
#include <iostream>
#include <string>
#include <vector>

#include "client/client.h"
#include "engine/base/status_macros.h"

namespace {

using octet::client::InferResult;

absl::Status Run(const std::string& address, const std::string& model) {
  octet::client::ClientOptions options;
  options.addresses = {address};
  OCTET_ASSIGN_OR_RETURN(const auto client,
                         octet::client::Client::Create(options));

  OCTET_ASSIGN_OR_RETURN(const auto metadata,
                         client->ModelMetadata({model, ""}));
  const auto& input = metadata.inputs(0);
  octet::Shape shape(input.shape().begin(), input.shape().end());
  shape[0] = 1;
  octet::Tensor row(octet::DType::kFloat32, shape);
  std::vector<std::future<absl::StatusOr<InferResult>>> answers;
  for (int i = 0; i < 32; ++i) {
    // A request may change as soon as InferAsync() has returned.
    row.mutable_data<float>()[0] = static_cast<float>(i);
    octet::client::InferRequest request;
    request.model = {model, ""};
    const octet::NamedTensor named = {input.name(), row};
    request.inputs = {named};
    request.id = std::to_string(i);
    answers.push_back(client->InferAsync(request));
  }
  for (auto& answer : answers) {
    OCTET_ASSIGN_OR_RETURN(const InferResult result, answer.get());
    std::cout << result.id << ": " << result.outputs[0].tensor.data<float>()[0]
              << "\n";
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: async HOST:PORT MODEL\n";
    return 2;
  }
  const absl::Status status = Run(argv[1], argv[2]);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
