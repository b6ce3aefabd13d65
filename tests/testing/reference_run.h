// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_TESTING_REFERENCE_RUN_H_
#define OCTET_TESTS_TESTING_REFERENCE_RUN_H_

#include "engine/ir/graph.h"
#include "engine/passes/pass.h"

namespace octet {

// Passes compute constants with the reference backend.
passes::PassContext ReferenceEvaluation();

// Runs both graphs on the reference backend with the same random inputs, at
// two rows, and expects equal answers: every element within `tolerance` times
// the largest magnitude of its output; 0 asks for equal elements.
void ExpectSameAnswers(const ir::Graph& a, const ir::Graph& b,
                       double tolerance);

}  // namespace octet

#endif  // OCTET_TESTS_TESTING_REFERENCE_RUN_H_
