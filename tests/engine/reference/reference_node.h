// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_ENGINE_REFERENCE_REFERENCE_NODE_H_
#define OCTET_TESTS_ENGINE_REFERENCE_REFERENCE_NODE_H_

#include <cstring>
#include <vector>

#include "engine/reference/backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/single_node.h"

namespace octet::reference {

// The elements of the output as the reference backend computes them with one
// thread, after checking that three threads give the same bytes.
template <typename T>
std::vector<T> RunReference(const SingleNode& node,
                            FloatSums conv_sums = FloatSums::kDouble) {
  const std::unique_ptr<plan::Backend> backend =
      CreateReferenceBackend(conv_sums);
  const absl::StatusOr<Tensor> one = RunSingleNode(*backend, node, 1);
  const absl::StatusOr<Tensor> three = RunSingleNode(*backend, node, 3);
  if (!one.ok() || !three.ok()) {
    ADD_FAILURE() << one.status() << "; " << three.status();
    return {};
  }
  EXPECT_EQ(one->shape(), three->shape());
  EXPECT_EQ(std::memcmp(one->bytes(), three->bytes(), one->byte_size()), 0);
  return ElementsOf<T>(*one);
}

}  // namespace octet::reference

#endif  // OCTET_TESTS_ENGINE_REFERENCE_REFERENCE_NODE_H_
