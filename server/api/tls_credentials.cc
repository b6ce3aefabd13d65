// SPDX-License-Identifier: Apache-2.0
#include "server/api/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <optional>
#include <string>

#include "server/api/tls_certificates.h"

namespace octet {
namespace {

// gRPC calls this at the start of each handshake.
grpc_ssl_certificate_config_reload_status Reload(
    void* certificates, grpc_ssl_server_certificate_config** config) {
  const std::optional<TlsTexts> texts =
      static_cast<TlsCertificates*>(certificates)->TakeChange();
  if (!texts) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const grpc_ssl_pem_key_cert_pair pair = {texts->key.c_str(),
                                           texts->chain.c_str()};
  // gRPC insists on authorities even where it asks no client for anything; the
  // chain is one text that is sure to parse.
  const std::string& authorities =
      texts->client_ca.empty() ? texts->chain : texts->client_ca;
  *config =
      grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

// The C++ side of gRPC has no credentials that ask for certificates.
class TlsCredentials final : public grpc::ServerCredentials {
 public:
  TlsCredentials(TlsCertificates* certificates, bool ask_clients)
      : credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                ask_clients
                    ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                    : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
                &Reload, certificates))) {}

  ~TlsCredentials() override { grpc_server_credentials_release(credentials_); }

  // ServerCredentials. Nothing of octet processes metadata there.
  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address,
                      grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(
    TlsCertificates* certificates, bool ask_clients) {
  return std::make_shared<TlsCredentials>(certificates, ask_clients);
}

}  // namespace octet
