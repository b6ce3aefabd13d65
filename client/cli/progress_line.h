// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_PROGRESS_LINE_H_
#define OCTET_CLIENT_CLI_PROGRESS_LINE_H_

#include <cstdint>
#include <ostream>
#include <string>

namespace octet::cli {

// Shows how far a long work is: on a terminal one line with a bar that is
// rewritten, elsewhere one line for each phase.
//
// Thread-compatible.
class ProgressLine {
 public:
  // `stream` must outlive this.
  ProgressLine(std::ostream* stream, bool is_terminal)
      : stream_(*stream), is_terminal_(is_terminal) {}

  // Ends the line that is being rewritten.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `done` of `total` units of `phase` are done; a `total` of 0 is unknown.
  void Update(const std::string& phase, int64_t done, int64_t total);

 private:
  std::ostream& stream_;
  const bool is_terminal_;
  std::string phase_;  // the one shown last
  bool line_open_ = false;
};

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_PROGRESS_LINE_H_
