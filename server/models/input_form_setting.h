// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_INPUT_FORM_SETTING_H_
#define OCTET_SERVER_MODELS_INPUT_FORM_SETTING_H_

#include <optional>
#include <string>
#include <vector>

#include "engine/base/dtype.h"

namespace octet {

// How the callers of a model send one of its inputs, as config.pbtxt states it
// with the parameters input.NAME.datatype and so on. The model gets
// (x - mean) * scale.
struct InputFormSetting {
  enum class Layout { kAsTheModel, kChannelsLast, kChannelsFirst };

  std::string input;
  std::optional<DType> dtype;  // uint8, float16 or float32
  Layout layout = Layout::kAsTheModel;
  bool reverse_channels = false;
  // One, or one a channel; empty: 0 and 1.
  std::vector<float> mean;
  std::vector<float> scale;
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_INPUT_FORM_SETTING_H_
