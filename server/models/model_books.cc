// SPDX-License-Identifier: Apache-2.0
#include "server/models/model_books.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "server/models/configuration_check.h"
#include "server/models/loaded_model.h"
#include "server/models/model_repository.h"

namespace octet {

absl::string_view StateName(ModelState state) {
  switch (state) {
    case ModelState::kUnavailable:
      return "UNAVAILABLE";
    case ModelState::kLoading:
      return "LOADING";
    case ModelState::kReady:
      return "READY";
    case ModelState::kUnloading:
      return "UNLOADING";
  }
  return "UNKNOWN";
}

ModelState ModelBooks::StateOf(const Version& version) {
  if (version.serving != nullptr) return ModelState::kReady;
  if (version.loading) return ModelState::kLoading;
  if (version.alive > 0) return ModelState::kUnloading;
  return ModelState::kUnavailable;
}

void ModelBooks::UpdateHighest(Entry* entry) {
  entry->highest = nullptr;
  for (const auto& [number, version] : entry->versions) {
    if (version.serving != nullptr) entry->highest = version.serving;
  }
}

void ModelBooks::RetireVersion(Version* version, const std::string& reason,
                               Models* ended) {
  if (version->serving == nullptr) return;
  version->reason = reason;
  version->fingerprint.clear();
  ended->push_back(std::move(version->serving));
  version->serving = nullptr;
}

void ModelBooks::SetOnDisk(const std::string& name,
                           const std::vector<int64_t>& versions) {
  Entry& entry = entries_[name];
  for (auto& [number, version] : entry.versions) version.on_disk = false;
  for (const int64_t number : versions) entry.versions[number].on_disk = true;
  for (auto it = entry.versions.begin(); it != entry.versions.end();) {
    const bool idle = StateOf(it->second) == ModelState::kUnavailable;
    it = !it->second.on_disk && idle ? entry.versions.erase(it) : std::next(it);
  }
}

void ModelBooks::ForgetBut(const std::vector<std::string>& names) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto& versions = it->second.versions;
    const bool idle =
        std::all_of(versions.begin(), versions.end(), [](const auto& version) {
          return StateOf(version.second) == ModelState::kUnavailable;
        });
    const bool exists =
        std::binary_search(names.begin(), names.end(), it->first);
    const auto next = std::next(it);
    if (idle && !exists) entries_.erase(it);
    it = next;
  }
}

void ModelBooks::SetLoading(const std::string& name, int64_t version,
                            bool loading) {
  entries_[name].versions[version].loading = loading;
}

void ModelBooks::SetReason(const std::string& name, int64_t version,
                           std::string reason) {
  entries_[name].versions[version].reason = std::move(reason);
}

void ModelBooks::SetReasons(const std::string& name,
                            const absl::Status& status) {
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return;
  for (auto& [number, version] : entry->second.versions) {
    version.reason = status.ToString();
  }
}

bool ModelBooks::ServesAs(const std::string& name, int64_t version,
                          const std::string& fingerprint) const {
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return false;
  const auto facts = entry->second.versions.find(version);
  return facts != entry->second.versions.end() &&
         facts->second.serving != nullptr && !fingerprint.empty() &&
         facts->second.fingerprint == fingerprint;
}

ModelBooks::Models ModelBooks::Swap(const std::string& name,
                                    const std::vector<LoadedVersion>& outcome) {
  Models ended;
  Entry& entry = entries_[name];
  bool all_loaded = true;
  std::map<int64_t, bool> wanted;
  for (const LoadedVersion& version : outcome) {
    wanted[version.number] = true;
    Version& facts = entry.versions[version.number];
    facts.loading = false;
    if (!version.loaded.ok()) {
      all_loaded = false;
      facts.reason = version.loaded.status().ToString();
      continue;
    }
    if (*version.loaded != nullptr) {
      RetireVersion(&facts, "", &ended);
      facts.serving = *version.loaded;
      facts.fingerprint = version.fingerprint;
    }
    facts.reason.clear();
  }
  if (all_loaded && !outcome.empty()) {
    const int64_t highest = outcome.back().number;
    for (auto& [number, version] : entry.versions) {
      if (wanted.contains(number)) continue;
      RetireVersion(&version,
                    number < highest
                        ? absl::StrCat("replaced by version ", highest)
                        : std::string("version_policy does not want it"),
                    &ended);
    }
  }
  UpdateHighest(&entry);
  return ended;
}

absl::Status ModelBooks::SetLabels(
    const std::string& name, const std::map<std::string, int64_t>& labels) {
  Entry& entry = entries_[name];
  std::vector<std::string> refused;
  std::map<std::string, int64_t> set;
  for (const auto& [label, number] : labels) {
    const auto version = entry.versions.find(number);
    const auto old = entry.labels.find(label);
    if (version != entry.versions.end() && version->second.serving != nullptr) {
      set[label] = number;
    } else if (old != entry.labels.end()) {
      set[label] = old->second;
      refused.push_back(absl::StrCat("'", label, "' stays at version ",
                                     old->second, ", for version ", number,
                                     " is not served"));
    } else {
      refused.push_back(absl::StrCat("'", label, "' is not set, for version ",
                                     number, " is not served"));
    }
  }
  entry.labels = std::move(set);
  if (refused.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("model '", name, "' is loaded (", ServedVersions(entry),
                   "), but label ", absl::StrJoin(refused, "; ")));
}

ModelBooks::Models ModelBooks::Retire(const std::string& name,
                                      const std::string& reason) {
  Models ended;
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return ended;
  for (auto& [number, version] : entry->second.versions) {
    RetireVersion(&version, reason, &ended);
  }
  entry->second.highest = nullptr;
  return ended;
}

void ModelBooks::OnBuilt(const std::string& name, int64_t version) {
  entries_[name].versions[version].alive += 1;
}

void ModelBooks::OnDestroyed(const std::string& name, int64_t version) {
  entries_[name].versions[version].alive -= 1;
}

std::string ModelBooks::ServedVersions(const Entry& entry) {
  std::vector<std::string> served;
  for (const auto& [number, version] : entry.versions) {
    if (version.serving != nullptr) served.push_back(absl::StrCat(number));
  }
  if (served.empty()) return "no version of it is loaded";
  return absl::StrCat(served.size() == 1 ? "version " : "versions ",
                      absl::StrJoin(served, ", "),
                      served.size() == 1 ? " is loaded" : " are loaded");
}

std::string ModelBooks::LoadedNames() const {
  constexpr size_t kMostNamed = 20;
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) {
    if (entry.highest != nullptr) names.push_back(name);
  }
  if (names.empty()) return "no model is loaded";
  std::sort(names.begin(), names.end());
  const size_t count = names.size();
  if (count > kMostNamed) {
    names.resize(kMostNamed);
    names.push_back(absl::StrCat(count - kMostNamed, " more"));
  }
  return absl::StrCat("loaded: ", absl::StrJoin(names, ", "));
}

absl::Status ModelBooks::NotServed(const std::string& name, const Entry& entry,
                                   int64_t version) const {
  const auto facts = entry.versions.find(version);
  if (facts == entry.versions.end()) {
    return absl::NotFoundError(absl::StrCat("model '", name,
                                            "' has no version ", version, "; ",
                                            ServedVersions(entry)));
  }
  const std::string& reason = facts->second.reason;
  return absl::FailedPreconditionError(
      absl::StrCat("version ", version, " of model '", name, "' is ",
                   StateName(StateOf(facts->second)),
                   reason.empty() ? "" : absl::StrCat(" (", reason, ")"), "; ",
                   ServedVersions(entry)));
}

absl::Status ModelBooks::NotLoaded(const std::string& name,
                                   const Entry& entry) const {
  std::string reason;
  if (!entry.versions.empty() &&
      !entry.versions.rbegin()->second.reason.empty()) {
    reason = absl::StrCat(" (", entry.versions.rbegin()->second.reason, ")");
  }
  return absl::FailedPreconditionError(
      absl::StrCat("model '", name, "' is not loaded", reason,
                   "; RepositoryModelLoad loads it"));
}

absl::StatusOr<std::shared_ptr<LoadedModel>> ModelBooks::Find(
    const std::string& name, const std::string& version) const {
  const auto position = entries_.find(name);
  if (position != entries_.end() && version.empty() &&
      position->second.highest != nullptr) {
    return position->second.highest;
  }
  const bool label = IsVersionLabel(version);
  std::optional<int64_t> number;
  if (!label) {
    OCTET_ASSIGN_OR_RETURN(number, ParseVersion(version));
  }
  if (position == entries_.end()) {
    OCTET_RETURN_IF_ERROR(CheckModelName(name));
    return absl::NotFoundError(
        absl::StrCat("there is no model '", name, "'; ", LoadedNames()));
  }
  const Entry& entry = position->second;
  if (label) {
    const auto labelled = entry.labels.find(version);
    if (labelled == entry.labels.end()) {
      return absl::NotFoundError(absl::StrCat("model '", name,
                                              "' has no label '", version,
                                              "'; ", ServedVersions(entry)));
    }
    number = labelled->second;
  }
  if (!number) return NotLoaded(name, entry);
  const auto facts = entry.versions.find(*number);
  if (facts != entry.versions.end() && facts->second.serving != nullptr) {
    return facts->second.serving;
  }
  return NotServed(name, entry, *number);
}

ModelBooks::Models ModelBooks::Serving(const std::string& name) const {
  Models serving;
  for (const auto& [key, entry] : entries_) {
    if (!name.empty() && key != name) continue;
    for (const auto& [number, version] : entry.versions) {
      if (version.serving != nullptr) serving.push_back(version.serving);
    }
  }
  std::sort(serving.begin(), serving.end(), [](const auto& a, const auto& b) {
    return std::tuple(a->name(), a->version()) <
           std::tuple(b->name(), b->version());
  });
  return serving;
}

std::optional<bool> ModelBooks::Serves(const std::string& name) const {
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return std::nullopt;
  return entry->second.highest != nullptr;
}

std::vector<VersionStatus> ModelBooks::Rows(const std::string& name) const {
  std::vector<VersionStatus> rows;
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return rows;
  for (const auto& [number, version] : entry->second.versions) {
    const ModelState state = StateOf(version);
    if (!version.on_disk && state == ModelState::kUnavailable) continue;
    const bool silent = version.reason.empty() && state != ModelState::kReady;
    rows.push_back({name, absl::StrCat(number), state,
                    silent ? "not loaded" : version.reason});
  }
  return rows;
}

std::vector<std::string> ModelBooks::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

int ModelBooks::CountServing() const {
  return static_cast<int>(std::count_if(
      entries_.begin(), entries_.end(),
      [](const auto& entry) { return entry.second.highest != nullptr; }));
}

}  // namespace octet
