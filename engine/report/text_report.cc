// SPDX-License-Identifier: Apache-2.0
#include "engine/report/text_report.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "engine/report/wording.h"

namespace octet::report {
namespace {

constexpr size_t kColumns = 80;

using Row = std::vector<std::string>;

// Columns to the left, two spaces between them, no space at the ends.
std::string Table(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i],
                      std::string(widths[i] - row[i].size(), ' '), "  ");
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

// `text` in lines of at most kColumns, `indent` before all but the first.
std::string Wrapped(const std::string& text, absl::string_view indent) {
  std::string wrapped;
  std::string line;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (!line.empty() && line.size() + 1 + word.size() > kColumns) {
      absl::StrAppend(&wrapped, line, "\n");
      line = std::string(indent);
    } else if (!line.empty()) {
      line += ' ';
    }
    absl::StrAppend(&line, word);
  }
  return absl::StrCat(wrapped, line, "\n");
}

std::string Cut(const std::string& text, size_t columns) {
  return text.size() <= columns
             ? text
             : absl::StrCat("...", text.substr(text.size() - (columns - 3)));
}

std::string Remedies(const QuantizationResult& result) {
  if (result.remedies.empty()) return "";
  std::vector<Row> rows = {{"REMEDY", "BEFORE", "AFTER", "GAIN", "", "NOTE"}};
  for (const RemedyEffect& remedy : result.remedies) {
    const double gain = remedy.after_db - remedy.before_db;
    rows.push_back({Printable(remedy.name), Decibels(remedy.before_db),
                    Decibels(remedy.after_db),
                    std::isfinite(gain) ? absl::StrFormat("%+.1f +- %.1f", gain,
                                                          remedy.gain_error_db)
                                        : "-",
                    remedy.kept ? "kept" : "dropped", Printable(remedy.note)});
  }
  return absl::StrCat("\n", Table(rows));
}

std::string Us(const std::optional<double>& us) {
  return us ? absl::StrFormat("%.1f", *us) : "-";
}

std::string Layers(const ModelEvaluation& evaluation) {
  if (evaluation.layers.empty()) return "";
  std::vector<Row> rows = {{"LAYER", "OP", "TYPE", "SCALE", "ZERO", "SQNR",
                            "OWN", "COSINE", "CLIPPED", "FLOAT us", "INT8 us"}};
  for (const LayerEvaluation& layer : evaluation.layers) {
    const bool rounded = layer.rounding.has_value();
    rows.push_back(
        {Cut(Printable(layer.name), 36), Printable(layer.op),
         rounded ? std::string(octet::Name(layer.rounding->dtype)) : "float32",
         rounded ? absl::StrFormat("%.4g", layer.rounding->scale) : "-",
         rounded ? absl::StrCat(layer.rounding->zero_point) : "-",
         Decibels(layer.sqnr_db), Decibels(layer.own_sqnr_db),
         absl::StrFormat("%.4f", layer.cosine),
         rounded ? SmallShare(layer.rounding->clipped_share) : "-",
         Us(layer.exact_us), Us(layer.rounded_us)});
  }
  return absl::StrCat(
      "\nOutputs against the float model's on ",
      Count(evaluation.layer_samples),
      " samples: SQNR with the error of all layers\nbefore, OWN with exact "
      "inputs.\n\n",
      Table(rows));
}

}  // namespace

std::string TextSummary(const ReportFacts& facts, const Verdict& verdict) {
  const ModelEvaluation& evaluation = facts.evaluation;
  std::string text = Wrapped(verdict.headline, "");
  for (const std::string& advice : verdict.advice) {
    absl::StrAppend(&text, Wrapped(absl::StrCat("* ", advice), "  "));
  }
  std::vector<Row> rows = {{"", "FLOAT", "INT8", "95 % INTERVAL"}};
  if (evaluation.exact_accuracy) {
    rows.push_back({"accuracy", Percent(evaluation.exact_accuracy->value),
                    Percent(evaluation.rounded_accuracy->value),
                    PointsRange(*evaluation.accuracy_change)});
  }
  if (evaluation.agreement) {
    rows.push_back({"same answer", "", Percent(evaluation.agreement->value),
                    PercentRange(*evaluation.agreement)});
  }
  rows.push_back({"signal to noise", "", Decibels(evaluation.sqnr_db.value),
                  DecibelsRange(evaluation.sqnr_db)});
  rows.push_back({"cosine", "",
                  absl::StrFormat("%.5f", evaluation.cosine.value),
                  absl::StrFormat("%.5f to %.5f", evaluation.cosine.low,
                                  evaluation.cosine.high)});
  if (evaluation.timing) {
    const PairedTiming& timing = *evaluation.timing;
    rows.push_back({"median time", Milliseconds(timing.exact.median_ms),
                    Milliseconds(timing.rounded.median_ms),
                    absl::StrFormat("%.2f to %.2f times as fast",
                                    timing.speedup.low, timing.speedup.high)});
    rows.push_back({"least time", Milliseconds(timing.exact.min_ms),
                    Milliseconds(timing.rounded.min_ms), ""});
  }
  rows.push_back({"file size", Bytes(evaluation.exact_bytes),
                  Bytes(evaluation.rounded_bytes), ""});
  absl::StrAppend(&text, "\n", Table(rows), "\n",
                  facts.on_calibration_samples
                      ? CalibrationSamples(facts.options, evaluation.samples)
                      : absl::StrCat(Count(evaluation.samples), " samples"));
  if (evaluation.timing) {
    absl::StrAppend(&text, "; times of one row on one thread, ",
                    Count(evaluation.timing->pairs), " pairs, ",
                    Printable(facts.machine.isa));
  }
  return absl::StrCat(text, "\n");
}

std::string TextReport(const ReportFacts& facts, const Verdict& verdict) {
  const QuantizationResult& result = facts.quantization;
  return absl::StrCat(
      Printable(facts.model), " -> ", Printable(facts.result), "\n\n",
      TextSummary(facts, verdict), "\nmethod ", Name(facts.options.method),
      ", activations ", Name(facts.options.activations), ", bias correction ",
      Name(facts.options.bias_correction), ", ",
      CalibrationSamples(facts.options, result.samples), "\n",
      Count(result.integer_steps), " integer and ", Count(result.float_steps),
      " float steps; octet ", Printable(facts.octet_version), ", ",
      Printable(Machine(facts.machine)), "\n", Remedies(result),
      Layers(facts.evaluation));
}

}  // namespace octet::report
