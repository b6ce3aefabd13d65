// SPDX-License-Identifier: Apache-2.0
// One inference: infer HOST:PORT[,HOST:PORT...] MODEL. Sends a row of zeros to
// a model of one FP32 input and prints the first answers.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "client/client.h"
#include "engine/base/status_macros.h"

namespace {

absl::Status Run(const std::string& addresses, const std::string& model) {
  octet::client::ClientOptions options;
  options.addresses = absl::StrSplit(addresses, ',');
  OCTET_ASSIGN_OR_RETURN(const auto client,
                         octet::client::Client::Create(options));

  // What the model takes; -1 is a free size, the number of rows for one.
  OCTET_ASSIGN_OR_RETURN(const auto metadata,
                         client->ModelMetadata({model, ""}));
  const auto& input = metadata.inputs(0);
  octet::Shape shape(input.shape().begin(), input.shape().end());
  std::replace(shape.begin(), shape.end(), int64_t{-1}, int64_t{1});

  // The caller's own array; it is not copied before it goes into the message.
  const std::vector<float> pixels(octet::ElementCount(shape));
  octet::client::InferRequest request;
  request.model = {model, ""};
  request.inputs = {
      octet::client::InputView::Of<float>(input.name(), shape, pixels)};
  request.id = "first";
  request.timeout = absl::Seconds(5);
  OCTET_ASSIGN_OR_RETURN(const auto result, client->Infer(request));

  for (const octet::NamedTensor& output : result.outputs) {
    std::cout << result.model.name << " " << result.model.version << ": "
              << output.name << " "
              << octet::ShapeToString(output.tensor.shape()) << "\n";
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: infer HOST:PORT[,HOST:PORT...] MODEL\n";
    return 2;
  }
  const absl::Status status = Run(argv[1], argv[2]);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
