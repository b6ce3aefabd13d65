// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REPORT_WORDING_H_
#define OCTET_ENGINE_REPORT_WORDING_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/engine.h"
#include "engine/evaluation/evaluation.h"

// Figures in words, the same in every form of the report.
namespace octet::report {

// Decibels beyond which float32 tells no difference; JSON has no number for
// infinity.
inline constexpr double kMostDb = 200;

// "29.2 dB"; "exact" where nothing differs; "none" where nothing is left of
// the signal.
std::string Decibels(double db);
// "28.9 to 29.5 dB"; "exact".
std::string DecibelsRange(const Estimate& db);
// "98.7 %" of 0.987.
std::string Percent(double share);
// "97.8 to 99.3 %".
std::string PercentRange(const Estimate& share);
// "+0.3 points", "-1.5 points", of 0.003 and -0.015.
std::string Points(double change);
// "-0.4 to +1.0 points".
std::string PointsRange(const Estimate& change);
// "0.031 %", or "none" of exactly 0: shares that are mostly tiny.
std::string SmallShare(double share);
// "512 B", "3.5 kB", "3.46 MB": powers of 1000.
std::string Bytes(int64_t bytes);
// "0.301 ms", "12.4 us".
std::string Milliseconds(double ms);
std::string Microseconds(double us);
// "2.41 times", with as many digits as say something.
std::string Times(double factor);
// "1,000".
std::string Count(int64_t count);

// "a processor, avx2"; the latter alone where the CPU is not known.
std::string Machine(const MachineDescription& machine);

// "histogram", "linear".
absl::string_view Name(QuantizationMethod method);
// "qdq", "qoperator".
absl::string_view Name(QuantizedFormat format);
// "asymmetric", "symmetric".
absl::string_view Name(ActivationScheme scheme);

// "off", "empirical", "analytic".
absl::string_view Name(BiasCorrection correction);

// "200 calibration samples", "64 synthetic samples": what chose the ranges.
std::string CalibrationSamples(const QuantizationOptions& options,
                               int64_t samples);
// Where no data calibrated the model: that it is so, what stood in for data and
// how far to trust the result; else empty.
std::string WithoutData(const QuantizationOptions& options,
                        const QuantizationResult& result);

// `text` with every byte that is no UTF-8 replaced by U+FFFD, and control
// characters by spaces.
std::string Printable(absl::string_view text);

}  // namespace octet::report

#endif  // OCTET_ENGINE_REPORT_WORDING_H_
