// SPDX-License-Identifier: Apache-2.0
// Uses what the installed library declares in each of its layers: the client,
// the messages, and the tensors.
#include <iostream>

#include "client/client.h"
#include "engine/base/dtype.h"
#include "proto/inference.pb.h"

int main() {
  const auto client = octet::client::Client::Create({});
  if (!client.ok()) {
    std::cerr << client.status().ToString() << "\n";
    return 1;
  }
  const absl::Status refused = octet::client::CheckAddress("no port");
  inference::ModelInferRequest request;
  request.set_model_name("characters");
  std::cout << absl::StatusCodeToString(refused.code()) << " "
            << request.model_name() << " " << octet::Name(octet::DType::kInt8)
            << "\n";
  return 0;
}
