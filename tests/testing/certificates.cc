// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace octet {
namespace {

constexpr long kHour = 3600;

// Nothing here can fail on a machine that works.
void Require(bool condition) {
  if (!condition) std::abort();
}

std::string TakeText(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string result(text, static_cast<size_t>(size));
  BIO_free_all(bio);
  return result;
}

PemPair ToPem(X509* certificate, EVP_PKEY* key) {
  BIO* const first = BIO_new(BIO_s_mem());
  Require(PEM_write_bio_X509(first, certificate) == 1);
  BIO* const second = BIO_new(BIO_s_mem());
  Require(PEM_write_bio_PrivateKey(second, key, nullptr, nullptr, 0, nullptr,
                                   nullptr) == 1);
  return {TakeText(first), TakeText(second)};
}

void Extend(X509* certificate, int id, const char* value) {
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
  Require(extension != nullptr);
  Require(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

X509* NewCertificate(const std::string& name, EVP_PKEY* key, int hours) {
  static std::atomic<long> serial = 1;
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);  // counted from 0
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kHour);
  X509_gmtime_adj(X509_getm_notAfter(certificate), (hours - 1) * kHour);
  Require(X509_NAME_add_entry_by_txt(
              X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
              reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
              0) == 1);
  Require(X509_set_pubkey(certificate, key) == 1);
  return certificate;
}

}  // namespace

TestAuthority::TestAuthority(const std::string& name)
    : key_(EVP_EC_gen("P-256")),
      certificate_(NewCertificate(name, key_.get(), 24)) {
  X509_set_issuer_name(certificate_.get(),
                       X509_get_subject_name(certificate_.get()));
  Extend(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  Extend(certificate_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  Require(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0);
  pem_ = ToPem(certificate_.get(), key_.get());
}

PemPair TestAuthority::Issue(const std::string& name, int hours) const {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = NewCertificate(name, key, hours);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate_.get()));
  Extend(certificate, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  Require(X509_sign(certificate, key_.get(), EVP_sha256()) > 0);
  PemPair pair = ToPem(certificate, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pair;
}

}  // namespace octet
