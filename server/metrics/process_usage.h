// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_METRICS_PROCESS_USAGE_H_
#define OCTET_SERVER_METRICS_PROCESS_USAGE_H_

namespace octet {

// What the process has used so far; 0 where the system does not say.
struct ProcessUsage {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double start_seconds = 0;  // since the epoch
};

ProcessUsage ReadProcessUsage();

}  // namespace octet

#endif  // OCTET_SERVER_METRICS_PROCESS_USAGE_H_
