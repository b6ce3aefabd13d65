// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/cpu_limit.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace octet {
namespace {

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<double> Ratio(absl::string_view quota, absl::string_view period) {
  double quota_us = 0;
  double period_us = 0;
  // Version 2 says "max" and version 1 says -1 where there is no quota.
  if (!absl::SimpleAtod(quota, &quota_us) || quota_us <= 0) return {};
  if (!absl::SimpleAtod(period, &period_us) || period_us <= 0) return {};
  return quota_us / period_us;
}

// Version 2: "cpu.max" holds "<quota|max> <period>".
std::optional<double> QuotaV2(const std::string& folder) {
  const std::optional<std::string> text = ReadFile(folder + "/cpu.max");
  if (!text) return std::nullopt;
  const std::vector<absl::string_view> words =
      absl::StrSplit(*text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  if (words.size() != 2) return std::nullopt;
  return Ratio(words[0], words[1]);
}

std::optional<double> QuotaV1(const std::string& folder) {
  const auto quota = ReadFile(folder + "/cpu.cfs_quota_us");
  const auto period = ReadFile(folder + "/cpu.cfs_period_us");
  if (!quota || !period) return std::nullopt;
  return Ratio(*quota, *period);
}

void Tighten(std::optional<double> quota, std::optional<double>* tightest) {
  if (quota && (!*tightest || *quota < **tightest)) *tightest = quota;
}

// A group's quota binds the groups below it, so every folder from the group
// up to the mount counts. Inside a container the path is often that of the
// host and does not exist here; the mount itself is then the group.
template <typename Quota>
void TightenByGroup(const std::string& mount, absl::string_view group,
                    Quota quota, std::optional<double>* tightest) {
  std::string path(group);
  while (!path.empty() && path != "/") {
    Tighten(quota(mount + path), tightest);
    path.resize(path.rfind('/'));
  }
  Tighten(quota(mount), tightest);
}

std::optional<double> ReadQuota(const std::string& root) {
  std::optional<double> tightest;
  const std::string mount = root + "/sys/fs/cgroup";
  const std::string groups =
      ReadFile(root + "/proc/self/cgroup").value_or("0::/\n");
  // Lines of "<id>:<controllers>:<path>"; version 2 has no controllers.
  for (absl::string_view line : absl::StrSplit(groups, '\n')) {
    const std::vector<absl::string_view> fields =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3 || !absl::StartsWith(fields[2], "/")) continue;
    if (fields[1].empty()) {
      TightenByGroup(mount, fields[2], QuotaV2, &tightest);
      continue;
    }
    for (absl::string_view controller : absl::StrSplit(fields[1], ',')) {
      if (controller != "cpu") continue;
      TightenByGroup(mount + "/cpu", fields[2], QuotaV1, &tightest);
      TightenByGroup(mount + "/cpu,cpuacct", fields[2], QuotaV1, &tightest);
    }
  }
  return tightest;
}

int ReadAffinity() {
  // More CPUs than a cpu_set_t holds need a larger mask.
  constexpr int kMostCpus = 1 << 14;
  cpu_set_t* const mask = CPU_ALLOC(kMostCpus);
  const size_t size = CPU_ALLOC_SIZE(kMostCpus);
  int cpus = 0;
  if (mask != nullptr && sched_getaffinity(0, size, mask) == 0) {
    cpus = CPU_COUNT_S(size, mask);
  }
  CPU_FREE(mask);
  if (cpus == 0) cpus = static_cast<int>(std::thread::hardware_concurrency());
  return std::max(cpus, 1);
}

}  // namespace

CpuLimit ReadCpuLimit(const std::string& root) {
  return ReadCpuLimit(root, ReadAffinity());
}

CpuLimit ReadCpuLimit(const std::string& root, int affinity) {
  CpuLimit limit;
  limit.affinity = affinity;
  limit.quota = ReadQuota(root);
  limit.cpus = affinity;
  if (limit.quota) {
    // The sum of 1/3 and 2/3 of a CPU, say, must not be rounded below 1.
    constexpr double kRounding = 1e-6;
    const double whole = std::floor(*limit.quota + kRounding);
    limit.cpus = static_cast<int>(
        std::clamp<double>(whole, 1, static_cast<double>(affinity)));
  }
  return limit;
}

}  // namespace octet
