// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/process_usage.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace octet {
namespace {

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) * 1e-6;
}

double ResidentBytes() {
  const std::string text = ReadFile("/proc/self/statm");
  const std::vector<absl::string_view> fields =
      absl::StrSplit(text, ' ', absl::SkipEmpty());
  double pages = 0;
  if (fields.size() < 2 || !absl::SimpleAtod(fields[1], &pages)) return 0;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double BootSeconds() {
  const std::string text = ReadFile("/proc/stat");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    double seconds = 0;
    if (words.size() == 2 && words[0] == "btime" &&
        absl::SimpleAtod(words[1], &seconds)) {
      return seconds;
    }
  }
  return 0;
}

double StartSeconds() {
  const std::string text = ReadFile("/proc/self/stat");
  // The second field is the program's name in parentheses and may hold
  // anything; the start, in ticks since boot, is field 22, the 20th after it.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  const std::vector<absl::string_view> fields = absl::StrSplit(
      absl::string_view(text).substr(name_end + 1), ' ', absl::SkipEmpty());
  constexpr size_t kStartField = 19;
  double ticks = 0;
  const double boot = BootSeconds();
  if (fields.size() <= kStartField || boot == 0 ||
      !absl::SimpleAtod(fields[kStartField], &ticks)) {
    return 0;
  }
  return boot + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  rusage resources = {};
  if (getrusage(RUSAGE_SELF, &resources) == 0) {
    usage.cpu_seconds =
        Seconds(resources.ru_utime) + Seconds(resources.ru_stime);
  }
  usage.resident_bytes = ResidentBytes();
  usage.start_seconds = StartSeconds();
  return usage;
}

}  // namespace octet
