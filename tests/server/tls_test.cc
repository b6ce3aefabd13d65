// SPDX-License-Identifier: Apache-2.0
//
// TLS: who gets in, and how certificates are replaced.
#include <arpa/inet.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"
#include "tests/testing/certificates.h"

namespace octet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A TLS handshake without gRPC: the version that was agreed on, and the common
// name of the server's certificate; empty where there was none.
struct Handshake {
  std::string version;
  std::string name;
};

Handshake ShakeHands(int port, int newest_version) {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  EXPECT_EQ(connect(descriptor, reinterpret_cast<sockaddr*>(&address),
                    sizeof(address)),
            0);
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  // OpenSSL by itself would not even offer old versions.
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context, newest_version);
  const unsigned char protocols[] = {2, 'h', '2'};
  SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols));
  SSL* const ssl = SSL_new(context);
  SSL_set_fd(ssl, descriptor);
  Handshake result;
  if (SSL_connect(ssl) == 1) {
    result.version = SSL_get_version(ssl);
    X509* const certificate = SSL_get1_peer_certificate(ssl);
    char name[64] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
                              NID_commonName, name, sizeof(name));
    X509_free(certificate);
    result.name = name;
  }
  SSL_free(ssl);
  SSL_CTX_free(context);
  close(descriptor);
  return result;
}

class TlsTest : public ServerFixture {
 protected:
  using Stub = inference::GRPCInferenceService::Stub;

  TlsTest() {
    folder_.Write("m/1/model.onnx", "scale 1");
    config_.tls_folder = files_.path();
  }

  // Replaces the file in one step.
  void Replace(const std::string& name, const std::string& text) {
    files_.Write(name + ".new", text);
    std::filesystem::rename(files_.path() + "/" + name + ".new",
                            files_.path() + "/" + name);
  }

  void Install(const PemPair& pair) {
    Replace("tls.crt", pair.certificate);
    Replace("tls.key", pair.key);
  }

  // Client certificates of `authority` are required.
  void RequireClients(const TestAuthority& authority) {
    files_.Write("clients.crt", authority.certificate());
    config_.tls_client_ca = files_.path() + "/clients.crt";
  }

  // A connection of its own, which trusts `roots`.
  std::unique_ptr<Stub> Connect(const std::string& roots,
                                const PemPair& own = {}) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return inference::GRPCInferenceService::NewStub(grpc::CreateCustomChannel(
        absl::StrCat("127.0.0.1:", server_->grpc_port()),
        grpc::SslCredentials({roots, own.key, own.certificate}), arguments));
  }

  static grpc::Status Live(Stub* stub) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kHang));
    inference::ServerLiveResponse response;
    return stub->ServerLive(&context, {}, &response);
  }

  static grpc::Status Load(Stub* stub) {
    inference::RepositoryModelLoadRequest request;
    request.set_model_name("m");
    inference::RepositoryModelLoadResponse response;
    return stub->RepositoryModelLoad(Context().get(), request, &response);
  }

  std::string StartFailure() {
    return Server::Start(config_, engine_.functions(), {"1", "x"})
        .status()
        .ToString();
  }

  std::string ServedName() {
    return ShakeHands(server_->grpc_port(), TLS1_3_VERSION).name;
  }

  const TestAuthority authority_{"authority"};
  const TestAuthority stranger_{"stranger"};
  ScratchFolder files_;
};

TEST_F(TlsTest, OnlyThoseWhoSpeakTlsAndTrustItGetThrough) {
  Install(authority_.Issue("server"));
  Start();
  EXPECT_TRUE(Live(Connect(authority_.certificate()).get()).ok());
  EXPECT_EQ(Live(Connect(stranger_.certificate()).get()).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  const auto plain = inference::GRPCInferenceService::NewStub(channel_);
  EXPECT_EQ(Live(plain.get()).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, VersionsBeforeTls12AreRefused) {
  Install(authority_.Issue("server"));
  Start();
  const int port = server_->grpc_port();
  EXPECT_EQ(ShakeHands(port, TLS1_3_VERSION).version, "TLSv1.3");
  EXPECT_EQ(ShakeHands(port, TLS1_2_VERSION).version, "TLSv1.2");
  EXPECT_EQ(ShakeHands(port, TLS1_1_VERSION).version, "");
  EXPECT_EQ(ShakeHands(port, TLS1_VERSION).version, "");
}

TEST_F(TlsTest, ClientCertificatesAreRequiredAndOpenControl) {
  Install(authority_.Issue("server"));
  const TestAuthority clients("clients");
  RequireClients(clients);
  config_.control_access = ControlAccessSetting::kCertificate;
  Start();
  const std::string& roots = authority_.certificate();
  EXPECT_EQ(Live(Connect(roots).get()).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Live(Connect(roots, stranger_.Issue("client")).get()).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Live(Connect(roots, clients.Issue("late", /*hours=*/0)).get())
                .error_code(),
            grpc::StatusCode::UNAVAILABLE);
  const auto good = Connect(roots, clients.Issue("client"));
  EXPECT_TRUE(Live(good.get()).ok());
  EXPECT_TRUE(Load(good.get()).ok());
}

TEST_F(TlsTest, NewCertificatesAreForNewConnections) {
  Install(authority_.Issue("first"));
  Start();
  const auto standing = Connect(authority_.certificate());
  EXPECT_TRUE(Live(standing.get()).ok());
  EXPECT_EQ(ServedName(), "first");
  const TestAuthority next("next");
  Install(next.Issue("second"));
  EXPECT_EQ(ServedName(), "second");
  EXPECT_TRUE(Live(Connect(next.certificate()).get()).ok());
  EXPECT_FALSE(Live(Connect(authority_.certificate()).get()).ok());
  EXPECT_TRUE(Live(standing.get()).ok());
}

TEST_F(TlsTest, NewAuthoritiesOfClientsAreForNewConnections) {
  Install(authority_.Issue("server"));
  const TestAuthority clients("clients");
  RequireClients(clients);
  Start();
  const std::string& roots = authority_.certificate();
  EXPECT_TRUE(Live(Connect(roots, clients.Issue("a")).get()).ok());
  Replace("clients.crt", stranger_.certificate());
  EXPECT_TRUE(Live(Connect(roots, stranger_.Issue("b")).get()).ok());
  EXPECT_FALSE(Live(Connect(roots, clients.Issue("a")).get()).ok());
}

TEST_F(TlsTest, ABrokenReplacementLeavesTheOldOneInForce) {
  const PemPair first = authority_.Issue("first");
  Install(first);
  Start();
  const PemPair other = authority_.Issue("other");
  const auto still_first = [&](const char* what) {
    // Twice: the first handshake sees the change, the second what it left.
    EXPECT_EQ(ServedName(), "first") << what;
    EXPECT_EQ(ServedName(), "first") << what;
  };
  Replace("tls.crt", other.certificate);
  still_first("certificate without its key");
  Replace("tls.crt", first.certificate.substr(0, 200));
  still_first("half a certificate");
  Replace("tls.crt", "");
  still_first("no certificate");
  std::filesystem::remove(files_.path() + "/tls.crt");
  still_first("no file");
  Replace("tls.crt", first.certificate);
  Replace("tls.key", "-----BEGIN PRIVATE KEY-----\nnonsense\n");
  still_first("broken key");
  Install(other);
  EXPECT_EQ(ServedName(), "other");
}

TEST_F(TlsTest, ReplacementUnderLoadDropsNothing) {
  Install(authority_.Issue("0"));
  Start();
  constexpr int kCallers = 4;
  constexpr int kReplacements = 20;
  std::atomic<bool> stop = false;
  std::atomic<int> answered = 0;
  std::atomic<int> connections = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      while (!stop) {
        const auto stub = Connect(authority_.certificate());
        ++connections;
        for (int call = 0; call < 5; ++call) {
          inference::ModelInferResponse response;
          const grpc::Status status = stub->ModelInfer(
              Context().get(), FloatRequest("m", {1, 2, 3, 4}), &response);
          ASSERT_TRUE(status.ok()) << status.error_message();
          ++answered;
        }
      }
    });
  }
  for (int i = 1; i <= kReplacements; ++i) {
    const int before = connections;
    while (connections < before + kCallers) std::this_thread::yield();
    Install(authority_.Issue(absl::StrCat(i)));
  }
  EXPECT_EQ(ServedName(), absl::StrCat(kReplacements));
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_GE(connections, kCallers * kReplacements);
  EXPECT_GE(answered, connections * 5);
}

TEST_F(TlsTest, AServerWithoutUsableFilesDoesNotStart) {
  EXPECT_THAT(StartFailure(),
              AllOf(HasSubstr("tls.crt"), HasSubstr("No such file")));
  const PemPair pair = authority_.Issue("server");
  Install({pair.certificate, authority_.Issue("other").key});
  EXPECT_THAT(StartFailure(),
              AllOf(HasSubstr("tls.key"), HasSubstr("not the key of")));
  Install({"nonsense", pair.key});
  EXPECT_THAT(StartFailure(), HasSubstr("no PEM certificates"));
  Install({pair.certificate + pair.certificate.substr(0, 100), pair.key});
  EXPECT_THAT(StartFailure(), HasSubstr("no PEM certificates"));
  Install(pair);
  config_.tls_client_ca = files_.path() + "/clients.crt";
  EXPECT_THAT(StartFailure(), HasSubstr("clients.crt"));
  files_.Write("clients.crt", "nonsense");
  EXPECT_THAT(StartFailure(), HasSubstr("no PEM certificates"));
}

}  // namespace
}  // namespace octet
