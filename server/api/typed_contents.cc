// SPDX-License-Identifier: Apache-2.0
#include "server/api/typed_contents.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/dtype.h"
#include "engine/base/status_macros.h"
#include "proto/inference.pb.h"
#include "server/api/tensor_names.h"
#include "server/models/loaded_model.h"

namespace octet {
namespace {

using inference::InferTensorContents;
using InputTensor = inference::ModelInferRequest::InferInputTensor;

struct ContentsField {
  const char* name;
  int elements;
};

std::vector<ContentsField> UsedFields(const InferTensorContents& contents) {
  const ContentsField fields[] = {
      {"bool_contents", contents.bool_contents_size()},
      {"int_contents", contents.int_contents_size()},
      {"int64_contents", contents.int64_contents_size()},
      {"uint_contents", contents.uint_contents_size()},
      {"uint64_contents", contents.uint64_contents_size()},
      {"fp32_contents", contents.fp32_contents_size()},
      {"fp64_contents", contents.fp64_contents_size()},
      {"bytes_contents", contents.bytes_contents_size()}};
  std::vector<ContentsField> used;
  for (const ContentsField& field : fields) {
    if (field.elements > 0) used.push_back(field);
  }
  return used;
}

// Which field carries a type; null for those that travel raw only.
const char* FieldFor(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return "bool_contents";
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
      return "int_contents";
    case DType::kInt64:
      return "int64_contents";
    case DType::kUInt8:
    case DType::kUInt16:
    case DType::kUInt32:
      return "uint_contents";
    case DType::kUInt64:
      return "uint64_contents";
    case DType::kFloat32:
      return "fp32_contents";
    case DType::kFloat64:
      return "fp64_contents";
    case DType::kFloat16:
    case DType::kBFloat16:
      return nullptr;
  }
  return nullptr;
}

// Elements of a 32-bit field as the narrower T that the model takes.
template <typename T, typename Field>
absl::StatusOr<std::string> Narrow(const InputTensor& input,
                                   const Field& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  for (int i = 0; i < values.size(); ++i) {
    if (values[i] < std::numeric_limits<T>::min() ||
        values[i] > std::numeric_limits<T>::max()) {
      return InputError(
          input.name(),
          absl::StrCat("element ", i, " is ", values[i],
                       ", expected a value that fits ", input.datatype()));
    }
    const T value = static_cast<T>(values[i]);
    std::memcpy(&bytes[i * sizeof(T)], &value, sizeof(T));
  }
  return bytes;
}

// The elements of typed contents: in place where the field has the type's own
// width, else converted. REQUIRES: the right field is used.
absl::StatusOr<const void*> TypedData(const InputTensor& input, DType dtype,
                                      std::vector<std::string>* converted) {
  const InferTensorContents& contents = input.contents();
  std::string narrow;
  switch (dtype) {
    case DType::kBool:
      return contents.bool_contents().data();
    case DType::kInt32:
      return contents.int_contents().data();
    case DType::kInt64:
      return contents.int64_contents().data();
    case DType::kUInt32:
      return contents.uint_contents().data();
    case DType::kUInt64:
      return contents.uint64_contents().data();
    case DType::kFloat32:
      return contents.fp32_contents().data();
    case DType::kFloat64:
      return contents.fp64_contents().data();
    case DType::kInt8: {
      OCTET_ASSIGN_OR_RETURN(narrow,
                             Narrow<int8_t>(input, contents.int_contents()));
      break;
    }
    case DType::kInt16: {
      OCTET_ASSIGN_OR_RETURN(narrow,
                             Narrow<int16_t>(input, contents.int_contents()));
      break;
    }
    case DType::kUInt8: {
      OCTET_ASSIGN_OR_RETURN(narrow,
                             Narrow<uint8_t>(input, contents.uint_contents()));
      break;
    }
    case DType::kUInt16: {
      OCTET_ASSIGN_OR_RETURN(narrow,
                             Narrow<uint16_t>(input, contents.uint_contents()));
      break;
    }
    case DType::kFloat16:
    case DType::kBFloat16:
      return absl::InternalError("half types have no typed contents");
  }
  converted->push_back(std::move(narrow));
  return converted->back().data();
}

}  // namespace

bool HasContents(const InputTensor& input) {
  return input.has_contents() && !UsedFields(input.contents()).empty();
}

absl::StatusOr<const void*> DecodeTyped(const InputTensor& input,
                                        const TensorSpec& spec, int64_t rows,
                                        std::vector<std::string>* converted) {
  const char* const field = FieldFor(spec.dtype);
  if (field == nullptr) {
    return InputError(
        input.name(),
        absl::StrCat(input.datatype(), " travels in raw_input_contents only"));
  }
  const int64_t expected = rows * spec.row_elements();
  const std::vector<ContentsField> used = UsedFields(input.contents());
  const auto wrong =
      std::find_if(used.begin(), used.end(), [&](const ContentsField& other) {
        return absl::string_view(other.name) != field;
      });
  if (wrong != used.end()) {
    return InputError(
        input.name(),
        absl::StrCat("got ", wrong->elements, " elements in contents.",
                     wrong->name, ", expected ", input.datatype(),
                     " in contents.", field));
  }
  const int64_t got = used.empty() ? 0 : used[0].elements;
  if (got != expected) {
    return InputError(input.name(),
                      absl::StrCat("got ", got, " elements in contents.", field,
                                   ", expected ", expected,
                                   used.empty() ? " there, or the bytes in "
                                                  "raw_input_contents"
                                                : ""));
  }
  return TypedData(input, spec.dtype, converted);
}

}  // namespace octet
