// SPDX-License-Identifier: Apache-2.0
// Inferences over one stream: stream HOST:PORT MODEL. Writes 32
// requests of one row to a model of one FP32 input while another thread reads
// the answers.
#include <iostream>
#include <string>
#include <thread>

#include "client/client.h"
#include "engine/base/status_macros.h"

namespace {

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
  OCTET_ASSIGN_OR_RETURN(const auto stream, client->StartInferStream());

  // Answers come as they are ready; the id says which request each belongs to.
  absl::Status answer_error;
  std::thread reader([&] {
    octet::client::StreamAnswer answer;
    while (stream->Read(&answer)) {
      // A request that fails leaves the stream open.
      answer_error.Update(answer.result.status());
      std::cout << answer.id << ": "
                << (answer.result.ok() ? "answered" : "failed") << "\n";
    }
  });
  octet::Tensor row(octet::DType::kFloat32, shape);
  absl::Status write_error;
  for (int i = 0; i < 32 && write_error.ok(); ++i) {
    row.mutable_data<float>()[0] = static_cast<float>(i);
    octet::client::InferRequest request;
    request.model = {model, ""};
    const octet::NamedTensor named = {input.name(), row};
    request.inputs = {named};
    request.id = std::to_string(i);
    write_error = stream->Write(request);
  }
  stream->WritesDone();
  reader.join();
  // Why a stream ended early is its own status, not the write's.
  OCTET_RETURN_IF_ERROR(stream->Finish());
  OCTET_RETURN_IF_ERROR(write_error);
  return answer_error;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: stream HOST:PORT MODEL\n";
    return 2;
  }
  const absl::Status status = Run(argv[1], argv[2]);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
