// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/background_thread.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spdlog/spdlog.h"

namespace octet {

void MoveToBackground() {
  // Not SCHED_IDLE: under full load that gets next to nothing, and a job has
  // to end some day. A batch thread never takes the CPU from one that serves.
  sched_param no_priority = {};
  const bool batch = sched_setscheduler(0, SCHED_BATCH, &no_priority) == 0;
  constexpr int kLowest = 19;
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  if (setpriority(PRIO_PROCESS, thread, kLowest) != 0 || !batch) {
    spdlog::warn(
        "the quantization thread keeps its priority: the system does not let "
        "it go down");
  }
}

}  // namespace octet
