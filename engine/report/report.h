// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REPORT_REPORT_H_
#define OCTET_ENGINE_REPORT_REPORT_H_

#include <cstdint>
#include <string>

#include "engine/engine.h"
#include "engine/evaluation/evaluation.h"

// The report of a quantization: what it cost, what it won, and where.
namespace octet::report {

// Everything that the report tells. Strings come from models and command lines
// and are not trusted: renderers escape them.
struct ReportFacts {
  std::string model;   // what people call the float model: a path or a name
  std::string result;  // the same of the int8 model
  QuantizationOptions options;
  // The model's bytes are not looked at.
  QuantizationResult quantization;
  ModelEvaluation evaluation;
  // The evaluation ran on the samples that calibrated, for there were no
  // others: its figures flatter.
  bool on_calibration_samples = false;
  MachineDescription machine;  // without a CPU where that is not known
  std::string octet_version;
};

// The three forms, which tell the same.
struct RenderedReport {
  std::string json;  // one object, UTF-8; README.md has its keys
  std::string text;  // for terminals, plain ASCII but for names
  std::string html;  // one page that loads nothing
};

RenderedReport Render(const ReportFacts& facts);

}  // namespace octet::report

#endif  // OCTET_ENGINE_REPORT_REPORT_H_
