// SPDX-License-Identifier: Apache-2.0
#include "server/api/trace_settings.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "proto/inference.pb.h"
#include "server/log/request_log.h"
#include "server/models/model_registry.h"

namespace octet {
namespace {

using Value = inference::TraceSettingRequest::SettingValue;

constexpr char kOff[] = "OFF";
constexpr char kTimestamps[] = "TIMESTAMPS";
constexpr int64_t kUsualRate = 1000;
constexpr int64_t kMaxRate = 1'000'000'000;
constexpr size_t kShownBytes = 64;

// RequestSampling as Triton words it.
struct TraceSettings {
  bool on = false;
  int64_t rate = kUsualRate;
  int64_t count = -1;
};

std::string Shown(absl::string_view text) {
  return absl::StrCat("'", absl::CEscape(text.substr(0, kShownBytes)), "'");
}

TraceSettings FromSampling(const RequestSampling& sampling) {
  TraceSettings settings;
  settings.on = sampling.on;
  settings.rate = std::llround(1 / sampling.fraction);
  settings.count = sampling.count.value_or(-1);
  return settings;
}

RequestSampling ToSampling(const TraceSettings& settings) {
  RequestSampling sampling;
  sampling.on = settings.on;
  sampling.fraction = 1.0 / static_cast<double>(settings.rate);
  if (settings.count >= 0) sampling.count = settings.count;
  return sampling;
}

absl::Status SetLevel(const Value& value, TraceSettings* settings) {
  bool on = false;
  for (const std::string& level : value.value()) {
    if (level == kTimestamps) {
      on = true;
    } else if (level == "TENSORS") {
      return absl::UnimplementedError(
          "trace setting 'trace_level': TENSORS is not there, octet logs no "
          "values of tensors; expected OFF or TIMESTAMPS");
    } else if (level != kOff || value.value_size() != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("trace setting 'trace_level': got ", Shown(level),
                       ", expected OFF or TIMESTAMPS"));
    }
  }
  settings->on = on;
  return absl::OkStatus();
}

absl::Status SetNumber(absl::string_view name, const std::string& text,
                       int64_t least, int64_t* number) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < least || value > kMaxRate) {
    return absl::InvalidArgumentError(absl::StrCat(
        "trace setting '", name, "': got ", Shown(text),
        ", expected a whole number from ", least, " to ", kMaxRate));
  }
  *number = value;
  return absl::OkStatus();
}

// Settings of Triton that octet has with one value only.
absl::Status KeepFixed(absl::string_view name, absl::string_view text,
                       absl::string_view value) {
  if (text == value) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      "trace setting '", name, "': got ", Shown(text), ", expected ",
      Shown(value), ": traces are lines of the log on standard error"));
}

absl::Status Apply(const std::string& name, const Value& value,
                   TraceSettings* settings) {
  const TraceSettings usual;
  const bool back = value.value().empty();
  if (name == "trace_level") return SetLevel(value, settings);
  if (value.value_size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("trace setting ", Shown(name), ": got ",
                     value.value_size(), " values, expected one"));
  }
  const std::string text = back ? std::string() : value.value(0);
  if (name == "trace_rate") {
    if (back) settings->rate = usual.rate;
    return back ? absl::OkStatus() : SetNumber(name, text, 1, &settings->rate);
  }
  if (name == "trace_count") {
    if (back) settings->count = usual.count;
    return back ? absl::OkStatus()
                : SetNumber(name, text, -1, &settings->count);
  }
  if (name == "log_frequency") return KeepFixed(name, back ? "0" : text, "0");
  if (name == "trace_file") return KeepFixed(name, text, "");
  if (name == "trace_mode") {
    return KeepFixed(name, back ? "triton" : text, "triton");
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no trace setting ", Shown(name),
      "; there are trace_level, trace_rate, trace_count, log_frequency, "
      "trace_file and trace_mode"));
}

}  // namespace

absl::Status AnswerTraceSetting(const inference::TraceSettingRequest& request,
                                const ModelRegistry& registry, RequestLog* log,
                                inference::TraceSettingResponse* response) {
  const std::string& model = request.model_name();
  if (!model.empty() && !registry.Serves(model)) {
    return absl::NotFoundError(
        absl::StrCat("there is no model ", Shown(model)));
  }
  TraceSettings settings = FromSampling(log->GetSampling(model));
  bool only_back = !request.settings().empty();
  for (const auto& [name, value] : request.settings()) {
    OCTET_RETURN_IF_ERROR(Apply(name, value, &settings));
    only_back &= value.value().empty();
  }
  if (only_back && !model.empty()) {
    log->SetSampling(model, std::nullopt);
    settings = FromSampling(log->GetSampling(model));
  } else if (!request.settings().empty()) {
    log->SetSampling(model, ToSampling(settings));
  }
  auto& told = *response->mutable_settings();
  told["trace_level"].add_value(settings.on ? kTimestamps : kOff);
  told["trace_rate"].add_value(absl::StrCat(settings.rate));
  told["trace_count"].add_value(absl::StrCat(settings.count));
  told["log_frequency"].add_value("0");
  told["trace_file"].add_value("");
  told["trace_mode"].add_value("triton");
  return absl::OkStatus();
}

}  // namespace octet
