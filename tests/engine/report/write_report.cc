// SPDX-License-Identifier: Apache-2.0
// Writes made-up reports as pages into the folder that it is given:
// plain.html, hostile.html and small.html.
#include <cstdio>
#include <fstream>
#include <string>

#include "engine/report/report.h"
#include "tests/engine/report/made_up_facts.h"

namespace octet::report {
namespace {

bool Write(const std::string& path, const ReportFacts& facts) {
  std::ofstream file(path, std::ios::binary);
  file << Render(facts).html;
  return file.good();
}

// No layers, no times, no classes.
ReportFacts SmallFacts() {
  ReportFacts facts = MadeUpFacts(0);
  facts.quantization.remedies.clear();
  facts.on_calibration_samples = true;
  facts.evaluation.agreement.reset();
  facts.evaluation.accuracy_change.reset();
  facts.evaluation.timing.reset();
  return facts;
}

}  // namespace
}  // namespace octet::report

int main(int argc, char** argv) {
  using namespace octet::report;  // NOLINT(google-build-using-namespace)
  if (argc != 2) {
    std::fprintf(stderr, "usage: octet_write_report FOLDER\n");
    return 2;
  }
  const std::string folder = std::string(argv[1]) + "/";
  const bool written = Write(folder + "plain.html", MadeUpFacts(60)) &&
                       Write(folder + "hostile.html", HostileFacts()) &&
                       Write(folder + "small.html", SmallFacts());
  return written ? 0 : 1;
}
