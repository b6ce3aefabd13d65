// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_STATUS_MACROS_H_
#define OCTET_ENGINE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The two control-flow macros of octet. Each returns from the enclosing
// function on error, which must return absl::Status or absl::StatusOr.

// Evaluates `expr`, an absl::Status, once; returns it unless it is OK.
#define OCTET_RETURN_IF_ERROR(expr)                               \
  do {                                                            \
    if (absl::Status octet_status = (expr); !octet_status.ok()) { \
      return octet_status;                                        \
    }                                                             \
  } while (false)

// Evaluates `expr`, an absl::StatusOr<T>, once; returns its status on error,
// else assigns its value to `lhs`, which may declare a variable.
#define OCTET_ASSIGN_OR_RETURN(lhs, expr) \
  OCTET_ASSIGN_OR_RETURN_IMPL(OCTET_CONCAT(octet_or_, __LINE__), lhs, expr)

#define OCTET_CONCAT_IMPL(a, b) a##b
#define OCTET_CONCAT(a, b) OCTET_CONCAT_IMPL(a, b)
#define OCTET_ASSIGN_OR_RETURN_IMPL(or_name, lhs, expr)  \
  auto or_name = (expr);                                 \
  if (!or_name.ok()) return std::move(or_name).status(); \
  lhs = *std::move(or_name)

#endif  // OCTET_ENGINE_BASE_STATUS_MACROS_H_
