// SPDX-License-Identifier: Apache-2.0
#include "engine/report/html_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/report/html_charts.h"
#include "engine/report/html_escape.h"
#include "engine/report/html_style.h"
#include "engine/report/wording.h"

namespace octet::report {
namespace {

// Histograms that are open from the start.
constexpr size_t kWorst = 6;

constexpr char kKeyOfTwo[] =
    "<div><span class=\"key\"><i class=\"f\"></i>float</span>"
    "<span class=\"key\"><i class=\"i\"></i>int8</span></div>";

// What follows the last '/' of a path.
std::string FileName(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

std::string Heading(const std::string& title, const std::string& lead) {
  return absl::StrCat("<h2>", title, "</h2><p class=\"soft\">", lead, "</p>");
}

// Two bars, the longer one as wide as the tile.
std::string Versus(double exact, double rounded) {
  const double most = std::max({exact, rounded, 1e-12});
  return absl::StrFormat(
      "<div class=\"versus\"><div class=\"bar f\" style=\"width:%.1f%%\">"
      "</div><div class=\"bar i\" style=\"width:%.1f%%\"></div></div>",
      100 * exact / most, 100 * rounded / most);
}

std::string Tile(const std::string& title, const std::string& figure,
                 const std::string& rest) {
  return absl::StrCat("<div class=\"card tile\"><h3>", title,
                      "</h3><div class=\"big\">", figure, "</div>", rest,
                      "</div>");
}

std::string Sub(const std::string& text) {
  return absl::StrCat("<div class=\"sub\">", text, "</div>");
}

std::string AccuracyTile(const ModelEvaluation& evaluation) {
  return Tile(
      "Accuracy, int8", Percent(evaluation.rounded_accuracy->value),
      absl::StrCat(Sub(absl::StrCat(
                       "float <b>", Percent(evaluation.exact_accuracy->value),
                       "</b>, change <b>",
                       Points(evaluation.accuracy_change->value), "</b>")),
                   Sub(absl::StrCat(
                       "95 %: ", PointsRange(*evaluation.accuracy_change)))));
}

std::string SpeedTile(const PairedTiming& timing) {
  return Tile(
      "Speed",
      absl::StrCat(absl::StrFormat("%.2f", timing.speedup.value), "&times;"),
      absl::StrCat(
          Versus(timing.exact.median_ms, timing.rounded.median_ms),
          Sub(absl::StrCat(
              "<b>", Milliseconds(timing.exact.median_ms), "</b> to <b>",
              Milliseconds(timing.rounded.median_ms), "</b>, medians; least ",
              Milliseconds(timing.exact.min_ms), " to ",
              Milliseconds(timing.rounded.min_ms))),
          Sub(absl::StrFormat("95 %%: %.2f to %.2f&times;, one row, one thread",
                              timing.speedup.low, timing.speedup.high))));
}

std::string SizeTile(const ModelEvaluation& evaluation) {
  const double smaller =
      static_cast<double>(evaluation.exact_bytes) /
      static_cast<double>(std::max<int64_t>(evaluation.rounded_bytes, 1));
  return Tile(
      "File size", absl::StrCat(absl::StrFormat("%.2f", smaller), "&times;"),
      absl::StrCat(
          Versus(static_cast<double>(evaluation.exact_bytes),
                 static_cast<double>(evaluation.rounded_bytes)),
          Sub(absl::StrCat("<b>", Bytes(evaluation.exact_bytes), "</b> to <b>",
                           Bytes(evaluation.rounded_bytes), "</b>"))));
}

std::string Tiles(const ModelEvaluation& evaluation) {
  std::string tiles;
  if (evaluation.accuracy_change) {
    absl::StrAppend(&tiles, AccuracyTile(evaluation));
  }
  if (evaluation.agreement) {
    absl::StrAppend(
        &tiles,
        Tile("Same answer as float", Percent(evaluation.agreement->value),
             absl::StrCat(Sub(absl::StrCat(
                              "95 %: ", PercentRange(*evaluation.agreement))),
                          Sub("the same largest output"))));
  }
  absl::StrAppend(
      &tiles,
      Tile("Signal to noise", Decibels(evaluation.sqnr_db.value),
           absl::StrCat(
               Sub(absl::StrCat("95 %: ", DecibelsRange(evaluation.sqnr_db))),
               Sub(absl::StrFormat(
                   "cosine <b>%.5f</b>, %.5f to %.5f", evaluation.cosine.value,
                   evaluation.cosine.low, evaluation.cosine.high)))));
  if (evaluation.timing) {
    absl::StrAppend(&tiles, SpeedTile(*evaluation.timing));
  }
  return absl::StrCat("<div class=\"tiles\">", tiles, SizeTile(evaluation),
                      "</div>");
}

std::string VerdictCard(const Verdict& verdict) {
  std::string advice;
  for (const std::string& sentence : verdict.advice) {
    absl::StrAppend(&advice, "<li>", Escaped(sentence), "</li>");
  }
  return absl::StrCat(
      "<div class=\"card verdict ", Name(verdict.conclusion), "\"><p>",
      Escaped(verdict.headline), "</p>",
      advice.empty() ? "" : absl::StrCat("<ul>", advice, "</ul>"), "</div>");
}

std::string Remedies(const ReportFacts& facts) {
  const std::vector<RemedyEffect>& remedies = facts.quantization.remedies;
  if (remedies.empty()) return "";
  std::string rows;
  for (const RemedyEffect& remedy : remedies) {
    const double gain = remedy.after_db - remedy.before_db;
    const bool known = std::isfinite(gain);
    absl::StrAppend(
        &rows, "<tr><td class=\"l wrap\">", Escaped(remedy.name), "</td><td>",
        Decibels(remedy.before_db), "</td><td>", Decibels(remedy.after_db),
        "</td><td class=\"", known && gain < 0 ? "down" : "up", "\">",
        known ? absl::StrFormat("%+.1f ± %.1f dB", gain, remedy.gain_error_db)
              : "",
        "</td><td class=\"l\">", remedy.kept ? "kept" : "not kept",
        "</td><td class=\"l wrap\">", Escaped(remedy.note), "</td></tr>");
  }
  return absl::StrCat(
      Heading(
          "What each remedy gave",
          "Signal to noise of the outputs on calibration samples that were "
          "held out (on all, where they are fewer than 16), with all remedies "
          "above a line and with its own too; ± is the standard error, what "
          "chance makes of so few samples. Bias correction and centering are "
          "kept where the mean over all samples gains, give or take its "
          "standard error."),
      "<div class=\"card scroll\" tabindex=\"0\"><table><thead><tr>"
      "<th class=\"l\">Remedy</th><th>Before</th><th>After</th><th>Gain</th>"
      "<th class=\"l\">Result</th><th class=\"l\">What it touched</th></tr>"
      "</thead><tbody>",
      rows, "</tbody></table></div>");
}

std::string Charts(const ModelEvaluation& evaluation) {
  std::string html = absl::StrCat(
      Heading("Signal to noise along the depth",
              "Each dot is what a layer gives out, against the float model; "
              "higher is better. Point at a dot for its layer."),
      "<div class=\"card chart\"><div><span class=\"key\"><i class=\"i line\">"
      "</i>with the error of all layers before</span><span class=\"key\">"
      "<i class=\"o line\"></i>by itself, with exact inputs</span></div>",
      SqnrChart(evaluation.layers), "</div>",
      Heading("How the error comes together",
              "The error relative to the layer's output: what each layer adds, "
              "and what has arrived there. Where the line falls, a layer "
              "averages errors out."),
      "<div class=\"card chart\"><div><span class=\"key\"><i class=\"i line\">"
      "</i>in all</span><span class=\"key\"><i class=\"o\"></i>added by the "
      "layer</span></div>",
      PropagationChart(evaluation.layers), "</div>");
  if (evaluation.timing) {
    absl::StrAppend(
        &html,
        Heading("Where the time goes",
                "The least time of each layer, one row on one thread. A layer "
                "whose int8 bar is the longer one loses."),
        "<div class=\"card chart\">", kKeyOfTwo, TimeChart(evaluation),
        "</div>");
  }
  return html;
}

bool CanBeDrawn(const LayerEvaluation& layer) {
  return layer.rounding && !layer.histogram.counts.empty() &&
         std::isfinite(layer.rounding->low) &&
         std::isfinite(layer.rounding->high);
}

std::string Histograms(const ReportFacts& facts) {
  std::map<std::string, std::string> thresholds;
  for (const QuantizedTensor& tensor : facts.quantization.tensors) {
    thresholds[tensor.name] = tensor.threshold;
  }
  std::vector<const LayerEvaluation*> drawn;
  for (const LayerEvaluation& layer : facts.evaluation.layers) {
    if (CanBeDrawn(layer)) drawn.push_back(&layer);
  }
  if (drawn.empty()) return "";
  const auto cards = [&](const std::vector<const LayerEvaluation*>& layers,
                         size_t count) {
    std::string html;
    for (size_t i = 0; i < std::min(count, layers.size()); ++i) {
      absl::StrAppend(&html,
                      HistogramCard(*layers[i], thresholds[layers[i]->tensor]));
    }
    return absl::StrCat("<div class=\"hists\">", html, "</div>");
  };
  std::vector<const LayerEvaluation*> worst = drawn;
  std::stable_sort(worst.begin(), worst.end(),
                   [](const LayerEvaluation* a, const LayerEvaluation* b) {
                     return a->own_sqnr_db < b->own_sqnr_db;
                   });
  std::string html = absl::StrCat(
      Heading("Where the integers end",
              "How often which value falls (heights are logarithms) in the "
              "layers that lose most by themselves. Between the dashed lines "
              "lies what the integers reach; beyond them, values are "
              "clipped."),
      "<div><span class=\"key\"><i class=\"i\"></i>values of the float "
      "model</span><span class=\"key\"><i class=\"c\"></i>out of reach</span>"
      "</div>",
      cards(worst, kWorst));
  if (drawn.size() > kWorst) {
    absl::StrAppend(&html, "<details><summary>All ", drawn.size(),
                    " tensors, in order</summary>", cards(drawn, drawn.size()),
                    "</details>");
  }
  return html;
}

// A cell that sorts as the number it shows.
std::string Cell(double value, const std::string& text) {
  if (std::isnan(value)) value = -1e9;
  return absl::StrFormat("<td data-v=\"%.9g\">%s</td>",
                         std::clamp(value, -1e9, 1e9), text);
}

std::string TimeCell(const std::optional<double>& us) {
  return us ? Cell(*us, absl::StrFormat("%.1f", *us)) : Cell(-1, "&ndash;");
}

std::string LayerRow(size_t index, const LayerEvaluation& layer) {
  const bool rounded = layer.rounding.has_value();
  const bool timed =
      layer.exact_us && layer.rounded_us && *layer.rounded_us > 0;
  const double speedup = timed ? *layer.exact_us / *layer.rounded_us : -1;
  const std::string name = Escaped(layer.name);
  return absl::StrCat(
      "<tr>", Cell(static_cast<double>(index), absl::StrCat(index)),
      "<td class=\"l\"><span class=\"name\" title=\"", name, "\">", name,
      "</span></td><td class=\"l\">", Escaped(layer.op), "</td>",
      Cell(layer.sqnr_db, Decibels(layer.sqnr_db)),
      Cell(layer.own_sqnr_db, Decibels(layer.own_sqnr_db)),
      Cell(layer.cosine, absl::StrFormat("%.5f", layer.cosine)),
      rounded ? Cell(layer.rounding->clipped_share,
                     SmallShare(layer.rounding->clipped_share))
              : Cell(-1, "&ndash;"),
      TimeCell(layer.exact_us), TimeCell(layer.rounded_us),
      timed ? absl::StrFormat("<td data-v=\"%.6g\" class=\"%s\">%.2f&times;"
                              "</td>",
                              speedup, speedup < 1 ? "down" : "", speedup)
            : Cell(-1, "&ndash;"),
      "<td class=\"l\">",
      rounded ? octet::Name(layer.rounding->dtype) : "float32", "</td>",
      rounded ? Cell(layer.rounding->scale,
                     absl::StrFormat("%.4g", layer.rounding->scale))
              : Cell(-1, "&ndash;"),
      rounded ? Cell(layer.rounding->zero_point,
                     absl::StrCat(layer.rounding->zero_point))
              : Cell(-1000, "&ndash;"),
      "</tr>");
}

std::string LayerTable(const ModelEvaluation& evaluation) {
  std::string heads;
  for (const auto& [title, left] : {std::pair{"#", false},
                                    {"Layer", true},
                                    {"Op", true},
                                    {"SQNR", false},
                                    {"Own", false},
                                    {"Cosine", false},
                                    {"Clipped", false},
                                    {"Float &micro;s", false},
                                    {"Int8 &micro;s", false},
                                    {"Speed-up", false},
                                    {"Output", true},
                                    {"Scale", false},
                                    {"Zero", false}}) {
    absl::StrAppend(&heads, "<th", left ? " class=\"l\"" : "",
                    " scope=\"col\"><button type=\"button\">", title,
                    "</button></th>");
  }
  std::string rows;
  for (size_t i = 0; i < evaluation.layers.size(); ++i) {
    absl::StrAppend(&rows, LayerRow(i, evaluation.layers[i]));
  }
  return absl::StrCat(
      Heading("All layers",
              "SQNR with the error of all layers before, Own with exact "
              "inputs; a click on a heading sorts."),
      "<div class=\"card scroll\" tabindex=\"0\"><table class=\"sorts\">"
      "<thead><tr>",
      heads, "</tr></thead><tbody>", rows, "</tbody></table></div>");
}

std::string Made(const ReportFacts& facts) {
  const QuantizationResult& result = facts.quantization;
  return absl::StrCat(
      "<p class=\"soft\">",
      facts.on_calibration_samples
          ? CalibrationSamples(facts.options, facts.evaluation.samples)
          : absl::StrCat(Count(facts.evaluation.samples), " samples"),
      "; method ", Name(facts.options.method), " on ",
      CalibrationSamples(facts.options, result.samples), ", activations ",
      Name(facts.options.activations), ", bias correction ",
      Name(facts.options.bias_correction), "; ", Count(result.integer_steps),
      " integer and ", Count(result.float_steps), " float steps</p>");
}

std::string Foot(const ReportFacts& facts) {
  return absl::StrCat(
      "<footer class=\"soft\"><p class=\"soft\">Signal to noise is 10 log"
      "<sub>10</sub> of the float outputs' energy over that of the difference: "
      "20 dB is an error of a tenth, 40 dB of a hundredth. Intervals hold the "
      "true figure in 95 of 100 draws of as many samples (shares: Wilson; "
      "changes: paired; others: bootstrap). Layers were looked at with ",
      Count(facts.evaluation.layer_samples), " samples.</p><p class=\"soft\">",
      Escaped(facts.model), " &rarr; ", Escaped(facts.result), "<br>octet ",
      Escaped(facts.octet_version), ", ", Escaped(Machine(facts.machine)),
      "</p></footer>");
}

}  // namespace

std::string HtmlReport(const ReportFacts& facts, const Verdict& verdict) {
  const ModelEvaluation& evaluation = facts.evaluation;
  std::string body = absl::StrCat(
      "<header><p class=\"over\">octet quantization report</p><h1 "
      "class=\"name\">",
      Escaped(FileName(facts.model)), "</h1>", Made(facts), "</header>",
      VerdictCard(verdict), Tiles(evaluation), Remedies(facts));
  if (!evaluation.layers.empty()) {
    absl::StrAppend(&body, Charts(evaluation), Histograms(facts),
                    LayerTable(evaluation));
  }
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">"
      "<link rel=\"icon\" href=\"data:,\"><title>",
      Escaped(FileName(facts.model)),
      ": octet quantization report</title><style>", StyleSheet(),
      "</style></head>\n<body><main>", body, Foot(facts), "</main><script>",
      SortingScript(), "</script></body></html>\n");
}

}  // namespace octet::report
