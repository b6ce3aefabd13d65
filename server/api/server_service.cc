// SPDX-License-Identifier: Apache-2.0
#include "server/api/server_service.h"

#include <google/protobuf/util/time_util.h>
#include <grpcpp/support/status.h>

#include "absl/time/time.h"

namespace octet {
namespace {

octet::v1::ConfigurationResponse Encode(const ServerFacts& facts) {
  octet::v1::ConfigurationResponse encoded;
  for (const ServerFacts::Setting& setting : facts.settings) {
    auto* const added = encoded.add_settings();
    added->set_name(setting.name);
    added->set_value(setting.value);
    added->set_source(setting.source);
  }
  encoded.set_version(facts.version);
  encoded.set_isa(facts.isa);
  encoded.set_lanes(facts.lanes);
  *encoded.mutable_start_time() =
      google::protobuf::util::TimeUtil::MillisecondsToTimestamp(
          absl::ToUnixMillis(facts.start));
  return encoded;
}

}  // namespace

ServerService::ServerService(const ServerFacts& facts)
    : configuration_(Encode(facts)) {}

grpc::ServerUnaryReactor* ServerService::Configuration(
    grpc::CallbackServerContext* context,
    const octet::v1::ConfigurationRequest*,
    octet::v1::ConfigurationResponse* response) {
  *response = configuration_;
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace octet
