// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_BACKGROUND_THREAD_H_
#define OCTET_SERVER_JOBS_BACKGROUND_THREAD_H_

namespace octet {

// Serving comes first: from now on the calling thread, and every thread that
// it starts, gets the CPU that is left over (the lowest nice value and the
// batch policy of the scheduler). Says so in the log where the system does not
// let it go down.
void MoveToBackground();

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_BACKGROUND_THREAD_H_
