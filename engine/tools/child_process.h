// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_CHILD_PROCESS_H_
#define OCTET_ENGINE_TOOLS_CHILD_PROCESS_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace octet::tools {

// Computes `work` in a child process and returns what it returned, so that one
// that crashes takes nothing else down.
//
// REQUIRES: the calling process has no other thread.
// ABORTED   the child crashed or exited by itself; the message names the
// signal. INTERNAL  no process or pipe was to be had.
absl::StatusOr<std::string> CallInChild(absl::FunctionRef<std::string()> work);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_CHILD_PROCESS_H_
