// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REPORT_HTML_CHARTS_H_
#define OCTET_ENGINE_REPORT_HTML_CHARTS_H_

#include <string>
#include <vector>

#include "engine/evaluation/evaluation.h"

// The plots of the page: drawings that stretch with it, whose words stand
// beside them in HTML and keep their size.
namespace octet::report {

// SQNR of every layer along the depth: with the error of all before it, and
// with exact inputs.
std::string SqnrChart(const std::vector<LayerEvaluation>& layers);

// The error of every layer's output relative to the output: what the layer
// adds as bars, what has come together as a line.
std::string PropagationChart(const std::vector<LayerEvaluation>& layers);

// The slowest layers, float and int8, and all others in a sum.
std::string TimeChart(const ModelEvaluation& evaluation);

// How often which value fell, and where the integers end. `threshold` says how
// the range was chosen; it may be empty.
// REQUIRES: the layer has a rounding and a histogram.
std::string HistogramCard(const LayerEvaluation& layer,
                          const std::string& threshold);

}  // namespace octet::report

#endif  // OCTET_ENGINE_REPORT_HTML_CHARTS_H_
