// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/child_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace octet::tools {
namespace {

[[noreturn]] void AnswerAndExit(int descriptor, const std::string& answer) {
  const char* from = answer.data();
  size_t left = answer.size();
  while (left > 0) {
    const ssize_t written = ::write(descriptor, from, left);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) ::_exit(1);
    from += written;
    left -= written;
  }
  // Not exit(): buffers and destructors belong to the parent.
  ::_exit(0);
}

std::string ReadToEnd(int descriptor) {
  std::string bytes;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return bytes;
    bytes.append(buffer, got);
  }
}

int WaitFor(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

absl::StatusOr<std::string> CallInChild(absl::FunctionRef<std::string()> work) {
  int ends[2];
  if (::pipe(ends) != 0) {
    return absl::InternalError(
        absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  }
  std::fflush(nullptr);  // else the child would hold a copy of what waits
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    AnswerAndExit(ends[1], work());
  }
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return absl::InternalError(
        absl::StrCat("cannot start a process: ", std::strerror(errno)));
  }
  std::string answer = ReadToEnd(ends[0]);
  ::close(ends[0]);
  const int status = WaitFor(child);
  if (WIFSIGNALED(status)) {
    return absl::AbortedError(absl::StrCat("crashed with signal ",
                                           WTERMSIG(status), " (",
                                           strsignal(WTERMSIG(status)), ")"));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::AbortedError(
        absl::StrCat("ended by itself with exit code ", WEXITSTATUS(status)));
  }
  return answer;
}

}  // namespace octet::tools
