// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_BACKEND_H_
#define OCTET_ENGINE_REFERENCE_BACKEND_H_

#include <memory>

#include "engine/plan/step.h"

namespace octet::reference {

// The backend "reference": plain loops that say what each operator of
// engine/ir/op.h means. The oracle of the tests and the last resort of a plan.
//
// Float sums are taken in double and rounded to float32 once; integers follow
// engine/ir/README.md to the last bit. Results depend on neither the number of
// threads nor the layout.
std::unique_ptr<plan::Backend> CreateReferenceBackend();

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_BACKEND_H_
