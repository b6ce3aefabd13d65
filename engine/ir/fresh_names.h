// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_FRESH_NAMES_H_
#define OCTET_ENGINE_IR_FRESH_NAMES_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "engine/ir/graph.h"

namespace octet::ir {

// Names for the many values that a rewrite adds to a graph, in time that does
// not grow with the graph; Graph::FreshName() looks at all of it each time.
// Knows the names of the graph that it was made of and those that it gave; who
// names a value otherwise takes that name first. Thread-compatible.
class FreshNames {
 public:
  FreshNames() = default;
  explicit FreshNames(const Graph& graph);

  // `stem`, or `stem` with a number behind it; taken from now on.
  std::string After(const std::string& stem);
  void Take(const std::string& name) { taken_.insert(name); }

 private:
  absl::flat_hash_set<std::string> taken_;
  absl::flat_hash_map<std::string, int> numbers_;  // the last one, by stem
};

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_FRESH_NAMES_H_
