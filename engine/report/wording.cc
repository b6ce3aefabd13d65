// SPDX-License-Identifier: Apache-2.0
#include "engine/report/wording.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace octet::report {
namespace {

std::string Number(double value) {
  if (std::abs(value) >= 100) return absl::StrFormat("%.0f", value);
  if (std::abs(value) >= 10) return absl::StrFormat("%.1f", value);
  return absl::StrFormat("%.3g", value);
}

}  // namespace

std::string Decibels(double db) {
  if (std::isnan(db) || db < -kMostDb) return "none";
  if (db > kMostDb) return "exact";
  return absl::StrFormat("%.1f dB", db);
}

std::string DecibelsRange(const Estimate& db) {
  if (db.low > kMostDb) return "exact";
  if (!(db.low >= -kMostDb)) return absl::StrCat("up to ", Decibels(db.high));
  if (db.high > kMostDb) return absl::StrCat("at least ", Decibels(db.low));
  return absl::StrFormat("%.1f to %.1f dB", db.low, db.high);
}

std::string Percent(double share) {
  return absl::StrFormat("%.1f %%", 100 * share);
}

std::string PercentRange(const Estimate& share) {
  return absl::StrFormat("%.1f to %.1f %%", 100 * share.low, 100 * share.high);
}

std::string Points(double change) {
  return absl::StrFormat("%+.1f points", 100 * change);
}

std::string PointsRange(const Estimate& change) {
  return absl::StrFormat("%+.1f to %+.1f points", 100 * change.low,
                         100 * change.high);
}

std::string SmallShare(double share) {
  if (share == 0) return "none";
  if (share < 1e-5) return "< 0.001 %";
  if (share < 1e-2) return absl::StrFormat("%.3f %%", 100 * share);
  return absl::StrFormat("%.1f %%", 100 * share);
}

std::string Bytes(int64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  if (bytes < 1000 * 1000) return absl::StrFormat("%.3g kB", bytes / 1e3);
  if (bytes < 1000 * 1000 * 1000) {
    return absl::StrFormat("%.3g MB", bytes / 1e6);
  }
  return absl::StrFormat("%.3g GB", bytes / 1e9);
}

std::string Milliseconds(double ms) { return absl::StrCat(Number(ms), " ms"); }

std::string Microseconds(double us) { return absl::StrCat(Number(us), " us"); }

std::string Times(double factor) {
  return absl::StrCat(factor >= 10 ? absl::StrFormat("%.0f", factor)
                                   : absl::StrFormat("%.2f", factor),
                      " times");
}

std::string Count(int64_t count) {
  std::string digits = absl::StrCat(count);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<size_t>(i), 1, ',');
  }
  return digits;
}

std::string Machine(const MachineDescription& machine) {
  return absl::StrCat(machine.cpu, machine.cpu.empty() ? "" : ", ",
                      machine.isa);
}

absl::string_view Name(QuantizationMethod method) {
  switch (method) {
    case QuantizationMethod::kLinear:
      return "linear";
    case QuantizationMethod::kHistogram:
      return "histogram";
  }
  return "unknown";
}

absl::string_view Name(QuantizedFormat format) {
  switch (format) {
    case QuantizedFormat::kQdq:
      return "qdq";
    case QuantizedFormat::kQOperator:
      return "qoperator";
  }
  OCTET_CHECK(false);
}

absl::string_view Name(ActivationScheme scheme) {
  return scheme == ActivationScheme::kSymmetric ? "symmetric" : "asymmetric";
}

absl::string_view Name(BiasCorrection correction) {
  switch (correction) {
    case BiasCorrection::kOff:
      return "off";
    case BiasCorrection::kEmpirical:
      return "empirical";
    case BiasCorrection::kAnalytic:
      return "analytic";
  }
  OCTET_CHECK(false);
}

std::string CalibrationSamples(const QuantizationOptions& options,
                               int64_t samples) {
  return absl::StrCat(Count(samples),
                      options.synthetic.empty() ? " calibration" : " synthetic",
                      samples == 1 ? " sample" : " samples");
}

std::string WithoutData(const QuantizationOptions& options,
                        const QuantizationResult& result) {
  if (options.synthetic.empty()) return "";
  std::string text =
      absl::StrCat("No data calibrated this model: its ranges come from ",
                   CalibrationSamples(options, result.samples));
  for (const SyntheticInput& input : options.synthetic) {
    absl::StrAppend(&text, "; ", Printable(input.name),
                    input.picture ? ": made-up pictures" : ": noise", " from ",
                    Number(input.min), " to ", Number(input.max),
                    input.declared ? "" : " (assumed, not declared)");
  }
  if (result.batch_norms > 0) {
    absl::StrAppend(&text, "; and from what its ", Count(result.batch_norms),
                    " batch norms tell of the data they were trained on");
  }
  return absl::StrCat(
      text,
      ". Real values beyond them are clipped: models of pictures usually stand "
      "it, others may not. Don't trust it before it has answered real samples; "
      "a hundred of them to calibrate with are better.");
}

std::string Printable(absl::string_view text) {
  using Json = nlohmann::json;
  const std::string valid =
      Json(std::string(text))
          .dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string printable = Json::parse(valid).get<std::string>();
  for (char& byte : printable) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) byte = ' ';
  }
  return printable;
}

}  // namespace octet::report
