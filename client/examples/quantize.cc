// SPDX-License-Identifier: Apache-2.0
// A quantization job: quantize HOST:PORT MODEL. Hands a float
// model of the server's repository in with 64 random rows, and follows
// the job; it would go on if this program went away. The model is loaded and
// has one FP32 input.
#include <iostream>
#include <random>
#include <string>

#include "client/client.h"
#include "engine/base/status_macros.h"

namespace {

namespace v1 = octet::v1;

absl::Status Run(const std::string& address, const std::string& model) {
  octet::client::ClientOptions options;
  options.addresses = {address};
  options.timeout = absl::Minutes(30);
  OCTET_ASSIGN_OR_RETURN(const auto client,
                         octet::client::Client::Create(options));

  // Real use wants samples like those that the model will see.
  OCTET_ASSIGN_OR_RETURN(const auto metadata,
                         client->ModelMetadata({model, ""}));
  const auto& input = metadata.inputs(0);
  octet::Shape shape(input.shape().begin(), input.shape().end());
  shape[0] = 64;
  octet::Tensor samples(octet::DType::kFloat32, shape);
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  for (float& value : samples.mutable_data<float>()) value = normal(generator);

  octet::client::QuantizationWork work;
  work.settings.set_model_name(model);
  work.settings.set_method(v1::METHOD_LINEAR);
  work.settings.set_activation_scheme(v1::ACTIVATION_SCHEME_ASYMMETRIC);
  work.calibration = {{input.name(), samples}};
  OCTET_ASSIGN_OR_RETURN(const v1::Job handed_in,
                         client->SubmitJob(work, nullptr));
  std::cout << "job " << handed_in.id() << "\n";

  OCTET_ASSIGN_OR_RETURN(
      const v1::Job job,
      client->WatchJob(handed_in.id(), [](const v1::Job& news) {
        std::cout << news.progress().phase() << " " << news.progress().done()
                  << " of " << news.progress().total() << "\n";
      }));
  OCTET_RETURN_IF_ERROR(octet::client::JobStatus(job));
  std::cout << job.result().model_name() << " " << job.result().model_version()
            << " is made\n";
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: quantize HOST:PORT MODEL\n";
    return 2;
  }
  const absl::Status status = Run(argv[1], argv[2]);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
