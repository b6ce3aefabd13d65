// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REPORT_VERDICT_H_
#define OCTET_ENGINE_REPORT_VERDICT_H_

#include <string>
#include <vector>

#include "engine/report/report.h"

namespace octet::report {

enum class Conclusion {
  kKeep,  // nothing that the samples show speaks against it
  kLook,  // usable perhaps: a layer, or the speed, wants a look
  kDrop,  // it answers another question
};

struct Verdict {
  Conclusion conclusion = Conclusion::kKeep;
  std::string headline;             // one sentence
  std::vector<std::string> advice;  // what to know or to do, a sentence each
};

// "keep", "look", "drop".
std::string Name(Conclusion conclusion);

// Judges by the strongest evidence that there is: the change of accuracy where
// there are labels (a point counts as lost where its whole 95 % interval says
// so), else the agreement, else the SQNR; and by speed where it was timed.
// A model that no data calibrated is not kept for its answers to synthetic
// samples.
Verdict Judge(const ReportFacts& facts);

// The index in `evaluation.layers` of the layer that loses most by itself;
// -1 where none loses anything.
int WorstLayer(const ModelEvaluation& evaluation);

}  // namespace octet::report

#endif  // OCTET_ENGINE_REPORT_VERDICT_H_
