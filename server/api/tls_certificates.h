// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_TLS_CERTIFICATES_H_
#define OCTET_SERVER_API_TLS_CERTIFICATES_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace octet {

// Where the server's certificate is.
struct TlsFiles {
  std::string folder;     // with tls.crt, the chain, and tls.key; empty: no TLS
  std::string client_ca;  // authorities of client certificates; empty: none
};

// The text of the files, PEM.
struct TlsTexts {
  std::string chain;
  std::string key;
  std::string client_ca;
};

// Reads the files again whenever they have changed, and hands out only what a
// handshake can be made with: a key that is not the certificate's, a file that
// is half written or gone leaves what was there before in force, and is logged
// once.
//
// Thread-safe.
class TlsCertificates {
 public:
  // INVALID_ARGUMENT when the files cannot be used, with the file and why.
  static absl::StatusOr<std::unique_ptr<TlsCertificates>> Open(TlsFiles files);

  // What is in force, if that is something else than at the last call.
  std::optional<TlsTexts> TakeChange();

 private:
  // Enough of a file's state to see that it was written or replaced.
  struct Stamp {
    dev_t device = 0;
    ino_t node = 0;
    off_t size = 0;
    int64_t modified = 0;  // nanoseconds
    int64_t changed = 0;   // nanoseconds

    bool operator==(const Stamp&) const = default;
  };

  explicit TlsCertificates(TlsFiles files);

  std::vector<Stamp> Look() const;
  absl::StatusOr<TlsTexts> Read() const;
  absl::Status RefreshLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string chain_path_;
  const std::string key_path_;
  const std::string client_ca_path_;

  absl::Mutex mutex_;
  std::vector<Stamp> seen_ ABSL_GUARDED_BY(mutex_);
  // What is in force and was not taken yet.
  std::optional<TlsTexts> change_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace octet

#endif  // OCTET_SERVER_API_TLS_CERTIFICATES_H_
