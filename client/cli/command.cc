// SPDX-License-Identifier: Apache-2.0
#include "client/cli/command.h"

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace octet::cli {

void AddConnectionFlags(CLI::App* command, double default_timeout_seconds,
                        Connection* connection) {
  connection->timeout_seconds = default_timeout_seconds;
  command
      ->add_option("--server", connection->server, "gRPC address of the server")
      ->envname("OCTET_SERVER")
      ->type_name("HOST:PORT")
      ->check([](const std::string& address) {
        return std::string(client::CheckAddress(address).message());
      })
      ->capture_default_str()
      ->group("Connection");
  command
      ->add_option("--timeout", connection->timeout_seconds,
                   "Longest time for one call, seconds")
      ->check(CLI::Range(1e-3, 1e6))
      ->type_name("SECONDS")
      ->capture_default_str()
      ->group("Connection");
  command->add_flag("--json", connection->json,
                    "Print one JSON object instead of text");
}

absl::StatusOr<std::unique_ptr<client::Client>> Connect(
    const Connection& connection) {
  client::ClientOptions options;
  options.address = connection.server;
  options.timeout = absl::Seconds(connection.timeout_seconds);
  return client::Client::Create(options);
}

std::string NextThingToTry(const absl::Status& error) {
  if (!error.GetPayload(client::kCallPayload)) return "";
  const absl::string_view message = error.message();
  switch (error.code()) {
    case absl::StatusCode::kUnavailable:
      if (absl::StartsWith(message, "cannot connect to")) {
        return "is octet-server running there? Start it with octet-server "
               "--model-repository FOLDER, or name another address with "
               "--server HOST:PORT or OCTET_SERVER";
      }
      return "the server is stopping or has stopped, its log says why: try "
             "again later or elsewhere";
    case absl::StatusCode::kDeadlineExceeded:
      return "allow more time with --timeout SECONDS";
    case absl::StatusCode::kResourceExhausted:
      if (absl::StrContains(message, "larger than max")) {
        return "send fewer rows in a request with --batch N, or start the "
               "server with a larger --max-receive-bytes";
      }
      return "the server is full: try again later, or send fewer rows in a "
             "request";
    case absl::StatusCode::kNotFound:
      return "octet models lists what the server has";
    case absl::StatusCode::kFailedPrecondition:
      return "octet models says which versions are ready, octet load MODEL "
             "loads one";
    default:
      return "";
  }
}

}  // namespace octet::cli
