// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_METRICS_READINESS_PROBE_H_
#define OCTET_SERVER_METRICS_READINESS_PROBE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace octet {

// Asks the octet-server that listens on `address` (an IP address; 0.0.0.0 and
// :: mean this machine) and HTTP port `port` whether it is ready, as GET
// /readyz. Answers within about `timeout` once the connection is there.
//
// OK when it is. UNAVAILABLE, with the reason, when nobody listens there, when
// the server is not ready, or when no answer came.
absl::Status ProbeReadiness(const std::string& address, int port,
                            absl::Duration timeout);

}  // namespace octet

#endif  // OCTET_SERVER_METRICS_READINESS_PROBE_H_
