// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_DEPLOY_ABSEIL_PROTOBUF_LAYOUT_H_
#define OCTET_DEPLOY_ABSEIL_PROTOBUF_LAYOUT_H_

// Protobuf's map fields have a member more where ThreadSanitizer compiles them
// (google/protobuf/map_field.h, version 3.21), and the distribution's library
// was compiled without. ThreadSanitizer builds include this first, so that both
// sides agree on the layout.
#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include <google/protobuf/map_field.h>  // IWYU pragma: keep
#pragma pop_macro("__SANITIZE_THREAD__")

#endif  // OCTET_DEPLOY_ABSEIL_PROTOBUF_LAYOUT_H_
