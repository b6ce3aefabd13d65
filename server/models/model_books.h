// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_MODEL_BOOKS_H_
#define OCTET_SERVER_MODELS_MODEL_BOOKS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/models/loaded_model.h"

namespace octet {

enum class ModelState { kUnavailable, kLoading, kReady, kUnloading };

// "READY" and so on, as the inference protocol spells them.
absl::string_view StateName(ModelState state);

struct VersionStatus {
  std::string name;
  std::string version;  // empty for a model without any version folder
  ModelState state = ModelState::kUnavailable;
  // Why it is not ready, or, for one that is, why it could not be loaded anew;
  // empty where there is nothing to say.
  std::string reason;
};

// What became of one version in a load.
struct LoadedVersion {
  int64_t number = 0;
  // OK with null: what serves already was kept.
  absl::StatusOr<std::shared_ptr<LoadedModel>> loaded;
  std::string fingerprint;  // of the files and the configuration
};

// All models, their versions, and what is known of each.
//
// Thread-compatible; ModelRegistry guards it. What it hands back is to be
// destroyed when the guard is free.
class ModelBooks {
 public:
  using Models = std::vector<std::shared_ptr<LoadedModel>>;

  // Takes the version folders that exist now; what is gone is forgotten once
  // nothing of it is in memory.
  void SetOnDisk(const std::string& name, const std::vector<int64_t>& versions);

  // Forgets models that are neither in `names`, sorted, nor in memory.
  void ForgetBut(const std::vector<std::string>& names);

  void SetLoading(const std::string& name, int64_t version, bool loading);

  // Why a version is not served.
  void SetReason(const std::string& name, int64_t version, std::string reason);
  // Why no version of `name` could be loaded.
  void SetReasons(const std::string& name, const absl::Status& status);

  // Whether `version` serves and was loaded with this fingerprint.
  bool ServesAs(const std::string& name, int64_t version,
                const std::string& fingerprint) const;

  // Makes what was loaded serve. Unless something failed, what is not in
  // `outcome` ends to serve. Returns what has ended.
  Models Swap(const std::string& name,
              const std::vector<LoadedVersion>& outcome);

  // Gives the model these labels. One whose version does not serve keeps its
  // old one, if it has one: FAILED_PRECONDITION, when all others are set.
  absl::Status SetLabels(const std::string& name,
                         const std::map<std::string, int64_t>& labels);

  // Ends the serving of all versions; returns what has ended.
  Models Retire(const std::string& name, const std::string& reason);

  // A version is in memory, which may serve later, or is not any more.
  void OnBuilt(const std::string& name, int64_t version);
  void OnDestroyed(const std::string& name, int64_t version);

  // As ModelRegistry says.
  absl::StatusOr<std::shared_ptr<LoadedModel>> Find(
      const std::string& name, const std::string& version) const;
  Models Serving(const std::string& name) const;
  std::optional<bool> Serves(const std::string& name) const;
  // The versions of one model, ascending.
  std::vector<VersionStatus> Rows(const std::string& name) const;

  std::vector<std::string> Names() const;  // sorted
  int CountServing() const;                // models

 private:
  struct Version {
    std::shared_ptr<LoadedModel> serving;
    std::string fingerprint;
    bool on_disk = false;
    bool loading = false;
    int alive = 0;  // in memory, serving or not
    std::string reason;
  };
  struct Entry {
    std::map<int64_t, Version> versions;
    std::map<std::string, int64_t> labels;
    std::shared_ptr<LoadedModel> highest;  // of those that serve
  };

  static ModelState StateOf(const Version& version);
  static void RetireVersion(Version* version, const std::string& reason,
                            Models* ended);
  static void UpdateHighest(Entry* entry);
  static std::string ServedVersions(const Entry& entry);
  absl::Status NotServed(const std::string& name, const Entry& entry,
                         int64_t version) const;
  absl::Status NotLoaded(const std::string& name, const Entry& entry) const;
  std::string LoadedNames() const;

  absl::flat_hash_map<std::string, Entry> entries_;
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_MODEL_BOOKS_H_
