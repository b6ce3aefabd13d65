// SPDX-License-Identifier: Apache-2.0
#include "engine/ir/fresh_names.h"

#include "absl/strings/str_cat.h"

namespace octet::ir {

FreshNames::FreshNames(const Graph& graph) {
  for (const Value& value : graph.values()) taken_.insert(value.name);
}

std::string FreshNames::After(const std::string& stem) {
  if (taken_.insert(stem).second) return stem;
  int& number = numbers_[stem];
  std::string name;
  do {
    name = absl::StrCat(stem, "_", ++number);
  } while (!taken_.insert(name).second);
  return name;
}

}  // namespace octet::ir
