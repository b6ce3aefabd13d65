// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "engine/base/dtype.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "proto/model_config.pb.h"
#include "server/models/configuration_check.h"
#include "server/models/model_configuration.h"

namespace octet {
namespace {

constexpr char kLabelPrefix[] = "version_label.";
constexpr char kInputPrefix[] = "input.";
constexpr char kRecordRows[] = "record_rows";
constexpr char kKeepFasterFloat[] = "keep_faster_float";
constexpr int64_t kMostRecordedRows = int64_t{1} << 20;
// More channels than any picture has.
constexpr size_t kMostNumbers = 4096;

absl::Status WrongParameter(absl::string_view key, absl::string_view got,
                            absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      "parameters['", absl::CHexEscape(key.substr(0, 255)), "']: got '",
      absl::CHexEscape(got.substr(0, 64)), "', expected ", expected));
}

absl::Status ReadLabel(absl::string_view key, const std::string& value,
                       ModelConfiguration* configuration) {
  const absl::string_view label = absl::StripPrefix(key, kLabelPrefix);
  if (!IsVersionLabel(label)) {
    return WrongParameter(
        key, label,
        "a label of at most 64 letters, digits, '_', '-' and '.' "
        "that starts with a letter or '_'");
  }
  int64_t version = 0;
  if (!absl::SimpleAtoi(value, &version) || version < 1) {
    return WrongParameter(key, value, "a version's number in string_value");
  }
  configuration->labels[std::string(label)] = version;
  return absl::OkStatus();
}

// Comma-separated finite numbers.
absl::StatusOr<std::vector<float>> ReadNumbers(absl::string_view key,
                                               const std::string& value) {
  std::vector<float> numbers;
  for (const absl::string_view part : absl::StrSplit(value, ',')) {
    float number = 0;
    if (!absl::SimpleAtof(part, &number) || !std::isfinite(number) ||
        numbers.size() == kMostNumbers) {
      return WrongParameter(
          key, value, "finite numbers, comma-separated, one or one a channel");
    }
    numbers.push_back(number);
  }
  return numbers;
}

absl::Status ReadDatatype(absl::string_view key, const std::string& value,
                          InputForm* form) {
  if (value == "UINT8") {
    form->dtype = DType::kUInt8;
  } else if (value == "FP16") {
    form->dtype = DType::kFloat16;
  } else if (value == "FP32") {
    form->dtype = DType::kFloat32;
  } else {
    return WrongParameter(key, value, "UINT8, FP16 or FP32");
  }
  return absl::OkStatus();
}

absl::Status ReadLayout(absl::string_view key, const std::string& value,
                        InputForm* form) {
  if (value == "NHWC") {
    form->layout = InputLayout::kChannelsLast;
  } else if (value == "NCHW") {
    form->layout = InputLayout::kChannelsFirst;
  } else {
    return WrongParameter(key, value, "NHWC or NCHW");
  }
  return absl::OkStatus();
}

absl::Status ReadInputField(absl::string_view key, absl::string_view field,
                            const std::string& value, InputForm* form) {
  if (field == "datatype") return ReadDatatype(key, value, form);
  if (field == "layout") return ReadLayout(key, value, form);
  if (field == "channel_order") {
    if (value != "keep" && value != "reverse") {
      return WrongParameter(key, value, "keep or reverse");
    }
    form->reverse_channels = value == "reverse";
    return absl::OkStatus();
  }
  if (field == "mean") {
    OCTET_ASSIGN_OR_RETURN(form->mean, ReadNumbers(key, value));
    return absl::OkStatus();
  }
  if (field == "scale") {
    OCTET_ASSIGN_OR_RETURN(form->scale, ReadNumbers(key, value));
    if (std::find(form->scale.begin(), form->scale.end(), 0.0f) !=
        form->scale.end()) {
      return WrongParameter(key, value, "numbers other than 0");
    }
    return absl::OkStatus();
  }
  return WrongParameter(
      key, field,
      "input.NAME. and datatype, layout, channel_order, mean or "
      "scale");
}

absl::Status ReadInput(absl::string_view key, const std::string& value,
                       ModelConfiguration* configuration) {
  // An input's name may hold dots, a field's does not.
  const absl::string_view rest = absl::StripPrefix(key, kInputPrefix);
  const size_t dot = rest.rfind('.');
  if (dot == absl::string_view::npos || dot == 0) {
    return WrongParameter(key, key, "input.NAME.FIELD");
  }
  const std::string name(rest.substr(0, dot));
  std::vector<InputForm>& forms = configuration->input_forms;
  auto form = std::find_if(forms.begin(), forms.end(),
                           [&](const auto& f) { return f.input == name; });
  if (form == forms.end()) {
    forms.emplace_back();
    form = forms.end() - 1;
    form->input = name;
  }
  return ReadInputField(key, rest.substr(dot + 1), value, &*form);
}

absl::Status ReadRecordRows(const std::string& value,
                            ModelConfiguration* configuration) {
  int64_t rows = 0;
  if (!absl::SimpleAtoi(value, &rows) || rows < 0 || rows > kMostRecordedRows) {
    return WrongParameter(
        kRecordRows, value,
        absl::StrCat("0 to ", kMostRecordedRows, " in string_value"));
  }
  configuration->record_rows = rows;
  return absl::OkStatus();
}

absl::Status ReadKeepFasterFloat(const std::string& value,
                                 ModelConfiguration* configuration) {
  if (value != "true" && value != "false") {
    return WrongParameter(kKeepFasterFloat, value,
                          "true or false in string_value");
  }
  configuration->keep_faster_float = value == "true";
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadParameters(ModelConfiguration* configuration) {
  for (const auto& [key, parameter] : configuration->proto.parameters()) {
    const std::string& value = parameter.string_value();
    if (absl::StartsWith(key, kLabelPrefix)) {
      OCTET_RETURN_IF_ERROR(ReadLabel(key, value, configuration));
    } else if (absl::StartsWith(key, kInputPrefix)) {
      OCTET_RETURN_IF_ERROR(ReadInput(key, value, configuration));
    } else if (key == kRecordRows) {
      OCTET_RETURN_IF_ERROR(ReadRecordRows(value, configuration));
    } else if (key == kKeepFasterFloat) {
      OCTET_RETURN_IF_ERROR(ReadKeepFasterFloat(value, configuration));
    }
  }
  // The order of a protobuf map differs from run to run.
  std::sort(configuration->input_forms.begin(),
            configuration->input_forms.end(),
            [](const auto& a, const auto& b) { return a.input < b.input; });
  return absl::OkStatus();
}

}  // namespace octet
