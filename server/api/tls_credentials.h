// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_TLS_CREDENTIALS_H_
#define OCTET_SERVER_API_TLS_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "server/api/tls_certificates.h"

namespace octet {

// Credentials of a port that speaks TLS 1.2 or newer with `certificates`: each
// handshake uses what is in force then, and connections that stand are left
// alone. With `ask_clients`, a client must show a certificate of the
// authorities in `certificates`.
//
// `certificates` must outlive the server.
//
// gRPC's FileWatcherCertificateProvider is not used: it hands on whatever the
// files hold, and with a broken pair no handshake works any more.
std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(
    TlsCertificates* certificates, bool ask_clients);

}  // namespace octet

#endif  // OCTET_SERVER_API_TLS_CREDENTIALS_H_
