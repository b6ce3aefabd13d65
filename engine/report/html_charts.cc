// SPDX-License-Identifier: Apache-2.0
#include "engine/report/html_charts.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/report/html_escape.h"
#include "engine/report/wording.h"

namespace octet::report {
namespace {

// Layers of the time chart that stand alone.
constexpr size_t kSlowest = 14;
// No plot needs more: 60 dB are a thousandth.
constexpr double kMostDrawnDb = 60;
// A relative error of more is no answer any more.
constexpr double kMostError = 1.5;

// An axis from `low` to `high`, drawn from 100 (bottom) to 0.
struct Axis {
  double low = 0;
  double high = 1;
  double step = 1;

  double At(double value) const {
    return 100 - 100 * (std::clamp(value, low, high) - low) / (high - low);
  }
};

// 1, 2 or 5 times a power of ten, so that about four fit.
double NiceStep(double span) {
  const double rough = span / 4;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

Axis AxisOver(double low, double high) {
  if (!(high > low)) high = low + 1;
  Axis axis;
  axis.step = NiceStep(high - low);
  axis.low = std::floor(low / axis.step) * axis.step;
  axis.high = std::ceil(high / axis.step - 1e-9) * axis.step;
  return axis;
}

// A chart's frame: grid lines, ticks, and the first and the last layer.
std::string Framed(const Axis& axis, const std::string& drawing,
                   const std::string& label,
                   const std::function<std::string(double)>& tick,
                   const std::vector<LayerEvaluation>& layers) {
  std::string ticks;
  std::string grid;
  const int count =
      static_cast<int>(std::lround((axis.high - axis.low) / axis.step));
  for (int i = 0; i <= count; ++i) {
    const double value = axis.low + i * axis.step;
    absl::StrAppendFormat(&ticks, "<span style=\"top:%.1f%%\">%s</span>",
                          axis.At(value), tick(value));
    absl::StrAppendFormat(&grid, "<path class=\"grid\" d=\"M0 %.1fH100\"/>",
                          axis.At(value));
  }
  return absl::StrCat(
      "<div class=\"frame\"><div class=\"ticks\" aria-hidden=\"true\">", ticks,
      "</div><svg class=\"plot\" viewBox=\"0 0 100 100\" "
      "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
      label, "\">", grid, drawing, "</svg><div class=\"ends\"><span>",
      Escaped(layers.front().name), "</span><span>",
      Escaped(layers.back().name), "</span></div></div>");
}

double MiddleOf(size_t index, size_t count) {
  return 100.0 * (static_cast<double>(index) + 0.5) /
         static_cast<double>(count);
}

// A line with a dot for every layer; `title` is what a dot tells.
std::string Trace(const std::vector<double>& values, const Axis& axis,
                  const std::string& kind,
                  const std::function<std::string(size_t)>& title) {
  std::string line;
  std::string dots;
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = MiddleOf(i, values.size());
    const double y = axis.At(values[i]);
    absl::StrAppendFormat(&line, "%c%.2f %.2f", i == 0 ? 'M' : 'L', x, y);
    absl::StrAppendFormat(
        &dots,
        "<path class=\"dot %s\" d=\"M%.2f %.2fh0\"><title>%s</title></path>",
        kind, x, y, title(i));
  }
  return absl::StrCat("<path class=\"trace ", kind, "\" d=\"", line, "\"/>",
                      dots);
}

double Drawn(double db) {
  return std::isnan(db) ? 0 : std::clamp(db, -10.0, kMostDrawnDb);
}

// sqrt(noise / signal).
double RelativeError(double db) {
  if (std::isnan(db)) return kMostError;
  return std::min(kMostError, std::pow(10, -db / 20));
}

std::string DurationHtml(const std::optional<double>& us) {
  if (!us) return "&ndash;";
  if (*us < 99.5) return absl::StrFormat("%.1f &micro;s", *us);
  if (*us < 9999.5) return absl::StrFormat("%.0f &micro;s", *us);
  if (*us < 9999500) return absl::StrFormat("%.1f ms", *us / 1e3);
  return absl::StrFormat("%.3g s", *us / 1e6);
}

// One line of the time chart.
std::string TimeRow(const std::string& who, const std::string& title,
                    const std::optional<double>& exact,
                    const std::optional<double>& rounded, double longest) {
  const auto lane = [&](const std::optional<double>& us, const char* kind) {
    return absl::StrFormat(
        "<div class=\"lane\"><div class=\"bar %s\" style=\"width:%.1f%%\">"
        "</div><span>%s</span></div>",
        kind, 100 * us.value_or(0) / longest, DurationHtml(us));
  };
  return absl::StrCat("<div><div class=\"who\" title=\"", title, "\">", who,
                      "</div><div>", lane(exact, "f"), lane(rounded, "i"),
                      "</div></div>");
}

double Longer(const LayerEvaluation& layer) {
  return std::max(layer.exact_us.value_or(0), layer.rounded_us.value_or(0));
}

std::string Real(double value) { return absl::StrFormat("%.3g", value); }

}  // namespace

std::string SqnrChart(const std::vector<LayerEvaluation>& layers) {
  std::vector<double> propagated;
  std::vector<double> alone;
  for (const LayerEvaluation& layer : layers) {
    propagated.push_back(Drawn(layer.sqnr_db));
    alone.push_back(Drawn(layer.own_sqnr_db));
  }
  const double least =
      std::min(*std::min_element(propagated.begin(), propagated.end()),
               *std::min_element(alone.begin(), alone.end()));
  const double most =
      std::max(*std::max_element(propagated.begin(), propagated.end()),
               *std::max_element(alone.begin(), alone.end()));
  const Axis axis = AxisOver(std::min(least, 0.0), most);
  const auto title = [&](double LayerEvaluation::*db, const char* what) {
    return [&layers, db, what](size_t i) {
      return absl::StrCat(Escaped(layers[i].name), ": ",
                          Decibels(layers[i].*db), what);
    };
  };
  return Framed(
      axis,
      absl::StrCat(Trace(alone, axis, "alone",
                         title(&LayerEvaluation::own_sqnr_db,
                               " by itself, with exact inputs")),
                   Trace(propagated, axis, "propagated",
                         title(&LayerEvaluation::sqnr_db,
                               " with the error of all before it"))),
      "Signal to noise of every layer along the depth, in decibels",
      [](double db) { return absl::StrFormat("%.0f dB", db); }, layers);
}

std::string PropagationChart(const std::vector<LayerEvaluation>& layers) {
  std::vector<double> together;
  double most = 0;
  for (const LayerEvaluation& layer : layers) {
    together.push_back(RelativeError(layer.sqnr_db));
    most = std::max({most, together.back(), RelativeError(layer.own_sqnr_db)});
  }
  const Axis axis = AxisOver(0, most);
  std::string bars;
  const double width = 100.0 / static_cast<double>(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    const double top = axis.At(RelativeError(layers[i].own_sqnr_db));
    absl::StrAppendFormat(
        &bars,
        "<rect class=\"adds\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
        "height=\"%.2f\"><title>%s adds %.2f %%</title></rect>",
        (static_cast<double>(i) + 0.15) * width, top, 0.7 * width, 100 - top,
        Escaped(layers[i].name), 100 * RelativeError(layers[i].own_sqnr_db));
  }
  const auto title = [&](size_t i) {
    return absl::StrFormat("%s: %.2f %% in all", Escaped(layers[i].name),
                           100 * together[i]);
  };
  return Framed(
      axis, absl::StrCat(bars, Trace(together, axis, "propagated", title)),
      "Relative error of every layer along the depth, in percent",
      [&](double error) {
        return absl::StrFormat("%.*f %%", axis.step < 0.01 ? 1 : 0,
                               100 * error);
      },
      layers);
}

std::string TimeChart(const ModelEvaluation& evaluation) {
  std::vector<const LayerEvaluation*> timed;
  for (const LayerEvaluation& layer : evaluation.layers) {
    if (Longer(layer) > 0) timed.push_back(&layer);
  }
  std::vector<const LayerEvaluation*> slowest = timed;
  std::stable_sort(slowest.begin(), slowest.end(),
                   [](const LayerEvaluation* a, const LayerEvaluation* b) {
                     return Longer(*a) > Longer(*b);
                   });
  std::optional<double> exact_rest;
  std::optional<double> rounded_rest;
  const auto add = [](const std::optional<double>& us,
                      std::optional<double>& sum) {
    if (us) sum = sum.value_or(0) + *us;
  };
  const size_t shown = std::min(kSlowest, slowest.size());
  for (size_t i = shown; i < slowest.size(); ++i) {
    add(slowest[i]->exact_us, exact_rest);
    add(slowest[i]->rounded_us, rounded_rest);
  }
  const size_t others = slowest.size() - shown;
  slowest.resize(shown);
  double longest =
      std::max({1e-9, evaluation.exact_other_us, evaluation.rounded_other_us});
  for (const LayerEvaluation* layer : slowest) {
    longest = std::max(longest, Longer(*layer));
  }
  std::string rows;
  for (const LayerEvaluation* layer : slowest) {
    absl::StrAppend(
        &rows,
        TimeRow(absl::StrCat("<span class=\"name\">", Escaped(layer->name),
                             "</span> <small>", Escaped(layer->op), "</small>"),
                absl::StrCat(Escaped(layer->name), ": float by ",
                             Escaped(layer->exact_kernel), ", int8 by ",
                             Escaped(layer->rounded_kernel)),
                layer->exact_us, layer->rounded_us, longest));
  }
  if (evaluation.exact_other_us + evaluation.rounded_other_us > 0) {
    absl::StrAppend(&rows, TimeRow("between the layers", "steps of no layer",
                                   evaluation.exact_other_us,
                                   evaluation.rounded_other_us, longest));
  }
  std::string rest;
  if (others > 0) {
    rest =
        absl::StrCat("<p class=\"soft rest\">The ", others,
                     " other layers together: float ", DurationHtml(exact_rest),
                     ", int8 ", DurationHtml(rounded_rest), ".</p>");
  }
  return absl::StrCat("<div class=\"times\">", rows, "</div>", rest);
}

std::string HistogramCard(const LayerEvaluation& layer,
                          const std::string& threshold) {
  const LayerRounding& rounding = *layer.rounding;
  const ValueHistogram& histogram = layer.histogram;
  const double low = std::min<double>(histogram.min, rounding.low);
  const double high = std::max<double>(histogram.max, rounding.high);
  const double span = high > low ? high - low : 1;
  const auto x = [&](double value) { return 100 * (value - low) / span; };
  const auto most =
      *std::max_element(histogram.counts.begin(), histogram.counts.end());
  const double width = (static_cast<double>(histogram.max) - histogram.min) /
                       static_cast<double>(histogram.counts.size());
  std::string mass = absl::StrFormat("M%.2f 100", x(histogram.min));
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    // Logarithms, or the tails that are clipped could not be seen.
    const double height =
        96 * std::log1p(static_cast<double>(histogram.counts[i])) /
        std::log1p(static_cast<double>(std::max<int64_t>(most, 1)));
    absl::StrAppendFormat(
        &mass, "V%.1fH%.2f", 100 - height,
        x(histogram.min + static_cast<double>(i + 1) * width));
  }
  absl::StrAppend(&mass, "V100Z");
  std::string cuts;
  for (const auto& [from, to] : {std::pair{low, double{rounding.low}},
                                 std::pair{double{rounding.high}, high}}) {
    if (to - from <= span / 1000) continue;
    absl::StrAppendFormat(
        &cuts,
        "<rect class=\"cut\" x=\"%.2f\" y=\"0\" width=\"%.2f\" "
        "height=\"100\"/>",
        x(from), x(to) - x(from));
  }
  for (const double edge : {rounding.low, rounding.high}) {
    absl::StrAppendFormat(&cuts, "<path class=\"edge\" d=\"M%.2f 0V100\"/>",
                          x(edge));
  }
  const std::string name = Escaped(layer.name);
  return absl::StrCat(
      "<div class=\"card hist\"><h3 class=\"name\" title=\"", name, "\">", name,
      "</h3><div class=\"sub\">", Escaped(layer.op), ", ",
      Decibels(layer.own_sqnr_db),
      " by itself</div><svg viewBox=\"0 0 100 100\" "
      "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Histogram of ",
      name, "\"><path class=\"mass\" d=\"", mass, "\"/>", cuts,
      "</svg><div class=\"ends\"><span>", Real(low), "</span><span>",
      Real(high), "</span></div><div class=\"sub\">integers reach ",
      Real(rounding.low), " to ", Real(rounding.high),
      "; clipped: ", SmallShare(rounding.clipped_share),
      threshold.empty() ? "" : absl::StrCat("; ", Escaped(threshold)),
      "</div></div>");
}

}  // namespace octet::report
