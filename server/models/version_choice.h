// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_VERSION_CHOICE_H_
#define OCTET_SERVER_MODELS_VERSION_CHOICE_H_

#include <cstdint>
#include <vector>

#include "proto/model_config.pb.h"

namespace octet {

// The versions that `policy` wants served of `versions`, which ascend: the
// newest one where it does not say. A specific policy's are wanted whether they
// are there or not. Ascending, each once.
std::vector<int64_t> ChooseVersions(const inference::ModelVersionPolicy& policy,
                                    const std::vector<int64_t>& versions);

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_VERSION_CHOICE_H_
