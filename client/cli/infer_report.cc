// SPDX-License-Identifier: Apache-2.0
#include "client/cli/infer_report.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/wire_tensor.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"

namespace octet::cli {
namespace {

struct Times {
  double p50_ms = 0;
  double min_ms = 0;
  double rows_per_second = 0;
};

Times Summarize(const InferReport& report) {
  Times summary;
  if (report.times.empty()) return summary;
  std::vector<absl::Duration> sorted = report.times;
  std::sort(sorted.begin(), sorted.end());
  summary.p50_ms = absl::ToDoubleMilliseconds(sorted[sorted.size() / 2]);
  summary.min_ms = absl::ToDoubleMilliseconds(sorted[0]);
  const double seconds = absl::ToDoubleSeconds(report.total_time);
  if (seconds > 0) {
    summary.rows_per_second = static_cast<double>(report.rows_sent) / seconds;
  }
  return summary;
}

nlohmann::json BestAsJson(const InferReport& report) {
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& best : report.best) {
    nlohmann::json row = nlohmann::json::array();
    for (const ClassScore& score : best) {
      row.push_back({{"class", score.index},
                     {"name", ClassName(report.class_names, score.index)},
                     {"score", score.score}});
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

absl::Status RankClasses(int64_t top_k, int64_t shown, InferReport* report) {
  if (report->outputs.empty()) {
    return absl::InvalidArgumentError("the model gave no outputs to rank");
  }
  const Tensor& scores = report->outputs[0].tensor;
  OCTET_ASSIGN_OR_RETURN(auto best,
                         BestClasses(scores, std::max<int64_t>(top_k, 1)));
  if (!report->expected.empty()) {
    if (report->expected.size() != best.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("expected one right class for each of ", best.size(),
                       " rows, got ", report->expected.size()));
    }
    int64_t right = 0;
    for (size_t row = 0; row < best.size(); ++row) {
      if (best[row][0].index == report->expected[row]) ++right;
    }
    report->right = right;
  }
  report->top_k = top_k;
  best.resize(std::min<size_t>(best.size(), shown));
  report->best = std::move(best);
  return absl::OkStatus();
}

std::string DescribeRow(const InferReport& report, int64_t row) {
  return absl::StrJoin(
      report.best[row], ", ", [&](std::string* text, const ClassScore& score) {
        absl::StrAppendFormat(text, "%s %.4g",
                              ClassName(report.class_names, score.index),
                              score.score);
      });
}

nlohmann::json ReportAsJson(const InferReport& report) {
  nlohmann::json outputs = nlohmann::json::array();
  for (const NamedTensor& output : report.outputs) {
    outputs.push_back(
        {{"name", output.name},
         {"datatype", std::string(client::Datatype(output.tensor.dtype()))},
         {"shape", output.tensor.shape()}});
  }
  const Times times = Summarize(report);
  nlohmann::json json = {{"model", report.model.name},
                         {"version", report.model.version},
                         {"rows", report.rows},
                         {"rows_per_request", report.rows_per_request},
                         {"requests", report.times.size()},
                         {"p50_ms", times.p50_ms},
                         {"min_ms", times.min_ms},
                         {"rows_per_second", times.rows_per_second},
                         {"outputs", outputs}};
  if (report.top_k > 0) json["top_k"] = BestAsJson(report);
  if (report.right) {
    json["right"] = *report.right;
    json["top1"] = static_cast<double>(*report.right) /
                   static_cast<double>(report.expected.size());
  }
  return json;
}

std::string ReportAsText(const InferReport& report) {
  std::string text =
      absl::StrFormat("%s version %s, %d rows\n", report.model.name,
                      report.model.version, report.rows);
  for (const NamedTensor& output : report.outputs) {
    absl::StrAppend(&text, "output ", output.name, ": ",
                    client::Datatype(output.tensor.dtype()), " ",
                    ShapeToString(output.tensor.shape()), "\n");
  }
  const size_t listed = report.top_k > 0 ? report.best.size() : 0;
  for (size_t row = 0; row < listed; ++row) {
    absl::StrAppend(&text, "row ", row, ": ", DescribeRow(report, row));
    if (!report.expected.empty()) {
      absl::StrAppend(&text, "  (expected ",
                      ClassName(report.class_names, report.expected[row]), ")");
    }
    absl::StrAppend(&text, "\n");
  }
  if (report.right) {
    absl::StrAppendFormat(&text, "%d of %d right: %.1f %%\n", *report.right,
                          report.expected.size(),
                          100.0 * static_cast<double>(*report.right) /
                              static_cast<double>(report.expected.size()));
  }
  const Times times = Summarize(report);
  absl::StrAppendFormat(
      &text,
      "%d requests of up to %d rows, one after another: median %.2f ms, "
      "fastest %.2f ms, %.0f rows a second\n",
      report.times.size(), report.rows_per_request, times.p50_ms, times.min_ms,
      times.rows_per_second);
  return text;
}

}  // namespace octet::cli
