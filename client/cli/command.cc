// SPDX-License-Identifier: Apache-2.0
#include "client/cli/command.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "engine/io/file.h"

namespace octet::cli {
namespace {

constexpr int64_t kMaxTokenBytes = 64 * 1024;

}  // namespace

void AddGlobalFlags(CLI::App* app, GlobalFlags* flags) {
  constexpr char kGroup[] = "Flags of every command, before or behind it";
  app->add_option("--server", flags->servers,
                  "gRPC address of the server; several times, or with commas, "
                  "for replicas that share the work")
      ->envname("OCTET_SERVER")
      ->type_name("HOST:PORT")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->take_all()
      ->check([](const std::string& address) {
        return std::string(client::CheckAddress(address).message());
      })
      ->capture_default_str()
      ->group(kGroup);
  app->add_option("--timeout", flags->timeout_seconds,
                  "Longest time for one call, seconds [10 for status and "
                  "lists, 60 for infer, 300 for load, 3600 for quantize]")
      ->check(CLI::Range(1e-3, 1e6))
      ->type_name("SECONDS")
      ->group(kGroup);
  app->add_flag("--json", flags->json, "Print one JSON object instead of text")
      ->group(kGroup);
  app->add_option("--tls-ca", flags->tls_ca,
                  "Encrypt, and check the server's certificate against these "
                  "authorities; PEM")
      ->type_name("FILE")
      ->check(CLI::ExistingFile)
      ->group(kGroup);
  auto* certificate =
      app->add_option("--tls-certificate", flags->tls_certificate,
                      "Certificate to show to the server; PEM")
          ->type_name("FILE")
          ->check(CLI::ExistingFile)
          ->group(kGroup);
  auto* key =
      app->add_option("--tls-key", flags->tls_key, "Its private key; PEM")
          ->type_name("FILE")
          ->check(CLI::ExistingFile)
          ->group(kGroup);
  certificate->needs(key);
  key->needs(certificate);
  app->add_option("--tls-server-name", flags->tls_server_name,
                  "Name that the server's certificate is for [the first "
                  "server's host]")
      ->type_name("NAME")
      ->group(kGroup);
  app->add_option("--token-file", flags->token_file,
                  "File with the token for commands that change something")
      ->type_name("FILE")
      ->check(CLI::ExistingFile)
      ->group(kGroup);
}

namespace {

absl::StatusOr<std::unique_ptr<client::Client>> ConnectToAll(
    const std::vector<std::string>& servers, const GlobalFlags& flags,
    absl::Duration timeout) {
  client::ClientOptions options;
  options.addresses = servers;
  options.timeout = flags.timeout_seconds > 0
                        ? absl::Seconds(flags.timeout_seconds)
                        : timeout;
  options.tls = {flags.tls_ca, flags.tls_certificate, flags.tls_key,
                 flags.tls_server_name};
  if (!flags.token_file.empty()) {
    OCTET_ASSIGN_OR_RETURN(const std::string text,
                           io::ReadFile(flags.token_file, kMaxTokenBytes));
    options.token = std::string(absl::StripAsciiWhitespace(text));
    if (options.token.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--token-file ", flags.token_file, ": it is empty"));
    }
  }
  return client::Client::Create(options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<client::Client>> Connect(
    const GlobalFlags& flags, absl::Duration timeout) {
  return ConnectToAll(flags.servers, flags, timeout);
}

absl::StatusOr<std::unique_ptr<client::Client>> ConnectTo(
    const std::string& server, const GlobalFlags& flags,
    absl::Duration timeout) {
  return ConnectToAll({server}, flags, timeout);
}

void RequireOneServer(const GlobalFlags& flags) {
  if (flags.servers.size() == 1) return;
  throw CLI::ValidationError("--server",
                             absl::StrCat("this command asks one server, got ",
                                          flags.servers.size(), ": name one"));
}

void AddAllCommands(CLI::App* app, GlobalFlags* flags, Action* action) {
  // Global flags behind a command go up to the program.
  app->fallthrough();
  app->require_subcommand(1);
  AddGlobalFlags(app, flags);
  AddStatusCommand(app, *flags, action);
  AddModelsCommand(app, *flags, action);
  AddStatsCommand(app, *flags, action);
  AddLoadCommand(app, *flags, action);
  AddUnloadCommand(app, *flags, action);
  AddInferCommand(app, *flags, action);
  AddQuantizeCommand(app, *flags, action);
  AddJobCommands(app, *flags, action);
  AddCompletionCommand(app, action);
  for (CLI::App* command : app->get_subcommands(nullptr)) {
    if (command->get_name() == "completion") continue;
    command->footer(
        "--server, --timeout, --json, --tls-* and --token-file: octet --help");
  }
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
        return "infer sends fewer rows in a request with --batch N";
      }
      // Not the server's limit but the caller's own, and it says what to do.
      if (absl::StrContains(message, "the budget is ")) return "";
      return "the server is full: try again later, or send fewer rows in a "
             "request";
    case absl::StatusCode::kNotFound:
      if (absl::StrContains(message, "no job '")) {
        return "octet jobs lists those that the server knows";
      }
      return "octet models lists what the server has";
    case absl::StatusCode::kFailedPrecondition:
      // A setting of a quantization, not a model that is not loaded.
      if (absl::StrContains(message, "settings.")) return "";
      return "octet models says which versions are ready, octet load MODEL "
             "loads one";
    case absl::StatusCode::kUnauthenticated:
      return "give the server's token with --token-file FILE, or a "
             "certificate with --tls-certificate and --tls-key";
    case absl::StatusCode::kPermissionDenied:
      return "the server's setting control-access says who may do this";
    default:
      return "";
  }
}

}  // namespace octet::cli
