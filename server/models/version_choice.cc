// SPDX-License-Identifier: Apache-2.0
#include "server/models/version_choice.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "proto/model_config.pb.h"

namespace octet {

std::vector<int64_t> ChooseVersions(const inference::ModelVersionPolicy& policy,
                                    const std::vector<int64_t>& versions) {
  if (policy.has_all()) return versions;
  if (policy.has_specific()) {
    const auto& asked = policy.specific().versions();
    const std::set<int64_t> sorted(asked.begin(), asked.end());
    return {sorted.begin(), sorted.end()};
  }
  const size_t asked = std::max<size_t>(policy.latest().num_versions(), 1);
  const size_t count = std::min(asked, versions.size());
  return {versions.end() - static_cast<std::ptrdiff_t>(count), versions.end()};
}

}  // namespace octet
