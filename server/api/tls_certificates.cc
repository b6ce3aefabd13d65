// SPDX-License-Identifier: Apache-2.0
#include "server/api/tls_certificates.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/status_macros.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

// Far more than a chain or a bundle of authorities needs.
constexpr size_t kMaxBytes = 4 << 20;

template <auto free>
struct Freer {
  template <typename T>
  void operator()(T* pointer) const {
    free(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

absl::Status Wrong(const std::string& path, absl::string_view what) {
  // OpenSSL's words for it, where it has any.
  std::string reason;
  if (const unsigned long error = ERR_peek_last_error(); error != 0) {
    if (const char* text = ERR_reason_error_string(error); text != nullptr) {
      reason = absl::StrCat(" (", text, ")");
    }
  }
  ERR_clear_error();
  return absl::InvalidArgumentError(
      absl::StrCat("'", path, "': ", what, reason));
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return Wrong(path, absl::StrCat("it cannot be read: ",
                                    errno != 0 ? std::strerror(errno) : "?"));
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxBytes) {
    return Wrong(path, absl::StrCat("more than ", kMaxBytes, " bytes"));
  }
  return text;
}

// Nobody is there to type a password.
int NoPassword(char*, int, int, void*) { return 0; }

Bio ReadFrom(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Every certificate of `text`; empty where there is none, or a broken one.
std::vector<Certificate> ParseCertificates(const std::string& text) {
  std::vector<Certificate> certificates;
  const Bio bio = ReadFrom(text);
  ERR_clear_error();
  while (X509* certificate =
             PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const unsigned long error = ERR_peek_last_error();
  if (ERR_GET_LIB(error) == ERR_LIB_PEM &&
      ERR_GET_REASON(error) == PEM_R_NO_START_LINE && !certificates.empty()) {
    ERR_clear_error();  // the end of the text
  } else {
    certificates.clear();
  }
  return certificates;
}

// "2027-01-31 12:00:00 UTC", or what OpenSSL prints of it.
std::string EndOf(const X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(bio.get(), X509_get0_notAfter(certificate));
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

}  // namespace

TlsCertificates::TlsCertificates(TlsFiles files)
    : chain_path_(absl::StrCat(files.folder, "/tls.crt")),
      key_path_(absl::StrCat(files.folder, "/tls.key")),
      client_ca_path_(std::move(files.client_ca)) {}

absl::StatusOr<std::unique_ptr<TlsCertificates>> TlsCertificates::Open(
    TlsFiles files) {
  std::unique_ptr<TlsCertificates> certificates(
      new TlsCertificates(std::move(files)));
  absl::MutexLock lock(&certificates->mutex_);
  OCTET_RETURN_IF_ERROR(certificates->RefreshLocked());
  return certificates;
}

std::optional<TlsTexts> TlsCertificates::TakeChange() {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = RefreshLocked(); !status.ok()) {
    spdlog::error(
        "the TLS files have changed but cannot be used, so those from before "
        "stay in force until they are mended: {}",
        std::string(status.message()));
  }
  return std::exchange(change_, std::nullopt);
}

std::vector<TlsCertificates::Stamp> TlsCertificates::Look() const {
  std::vector<Stamp> stamps;
  for (const std::string& path : {chain_path_, key_path_, client_ca_path_}) {
    struct stat state = {};
    Stamp& stamp = stamps.emplace_back();
    if (path.empty() || stat(path.c_str(), &state) != 0) continue;
    stamp = {state.st_dev, state.st_ino, state.st_size,
             state.st_mtim.tv_sec * 1'000'000'000 + state.st_mtim.tv_nsec,
             state.st_ctim.tv_sec * 1'000'000'000 + state.st_ctim.tv_nsec};
  }
  return stamps;
}

absl::Status TlsCertificates::RefreshLocked() {
  std::vector<Stamp> stamps = Look();
  if (stamps == seen_) return absl::OkStatus();
  // Before reading: what changes meanwhile is looked at again.
  seen_ = std::move(stamps);
  // OpenSSL's errors are the thread's: those of connections are none of ours,
  // and ours would end the connection that is handled next.
  ERR_clear_error();
  absl::StatusOr<TlsTexts> texts = Read();
  ERR_clear_error();
  OCTET_RETURN_IF_ERROR(texts.status());
  change_ = *std::move(texts);
  return absl::OkStatus();
}

absl::StatusOr<TlsTexts> TlsCertificates::Read() const {
  TlsTexts texts;
  OCTET_ASSIGN_OR_RETURN(texts.chain, ReadText(chain_path_));
  OCTET_ASSIGN_OR_RETURN(texts.key, ReadText(key_path_));
  const std::vector<Certificate> chain = ParseCertificates(texts.chain);
  if (chain.empty()) return Wrong(chain_path_, "no PEM certificates");
  const Key key(PEM_read_bio_PrivateKey(ReadFrom(texts.key).get(), nullptr,
                                        NoPassword, nullptr));
  if (key == nullptr) return Wrong(key_path_, "no PEM key without a password");
  // As a handshake would use them, which also judges their strength.
  const Context context(SSL_CTX_new(TLS_server_method()));
  if (SSL_CTX_use_certificate(context.get(), chain[0].get()) != 1) {
    return Wrong(chain_path_, "the certificate is refused");
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return Wrong(key_path_, absl::StrCat("not the key of ", chain_path_));
  }
  if (!client_ca_path_.empty()) {
    OCTET_ASSIGN_OR_RETURN(texts.client_ca, ReadText(client_ca_path_));
    if (ParseCertificates(texts.client_ca).empty()) {
      return Wrong(client_ca_path_, "no PEM certificates");
    }
  }
  const X509* const certificate = chain[0].get();
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    spdlog::warn("the TLS certificate '{}' has expired: {}", chain_path_,
                 EndOf(certificate));
  } else {
    spdlog::info("the TLS certificate '{}' is in force until {}", chain_path_,
                 EndOf(certificate));
  }
  return texts;
}

}  // namespace octet
