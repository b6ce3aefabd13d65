// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_SCHEDULER_CPU_LIMIT_H_
#define OCTET_SERVER_SCHEDULER_CPU_LIMIT_H_

#include <optional>
#include <string>

namespace octet {

// How many CPUs this process may use, and what says so.
struct CpuLimit {
  // The least of what follows, rounded down; at least 1.
  int cpus = 1;
  // CPUs in the affinity mask, which a cpuset narrows as well.
  int affinity = 1;
  // CPU time per time of the tightest control group quota (version 1 or 2);
  // absent where there is none.
  std::optional<double> quota;
};

// Reads the limits of the calling process. `root` is put before /proc and
// /sys, for tests.
CpuLimit ReadCpuLimit(const std::string& root = "");

// ReadCpuLimit() with the number of CPUs in the affinity mask given.
CpuLimit ReadCpuLimit(const std::string& root, int affinity);

}  // namespace octet

#endif  // OCTET_SERVER_SCHEDULER_CPU_LIMIT_H_
