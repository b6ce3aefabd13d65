// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_TESTING_CERTIFICATES_H_
#define OCTET_TESTS_TESTING_CERTIFICATES_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace octet {

// A certificate with its key, both PEM.
struct PemPair {
  std::string certificate;
  std::string key;
};

// An authority that signs certificates, made anew for each test.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name);

  // What a peer must have to trust what Issue() gives.
  const std::string& certificate() const { return pem_.certificate; }

  // A certificate for 127.0.0.1 and localhost with this common name. It is
  // good from an hour ago for `hours` hours.
  PemPair Issue(const std::string& name, int hours = 24) const;

 private:
  struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  struct FreeCertificate {
    void operator()(X509* certificate) const { X509_free(certificate); }
  };

  std::unique_ptr<EVP_PKEY, FreeKey> key_;
  std::unique_ptr<X509, FreeCertificate> certificate_;
  PemPair pem_;
};

}  // namespace octet

#endif  // OCTET_TESTS_TESTING_CERTIFICATES_H_
