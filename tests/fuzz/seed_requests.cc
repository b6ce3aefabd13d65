// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/seed_requests.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/check.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/text_format.h"
#include "proto/inference.pb.h"
#include "server/api/wire_type.h"
#include "tests/testing/fake_engine.h"

namespace octet {
namespace {

std::string Serialized(const std::string& text) {
  inference::ModelInferRequest request;
  OCTET_CHECK(google::protobuf::TextFormat::ParseFromString(text, &request));
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);  // else maps come in any order
  OCTET_CHECK(request.SerializeToCodedStream(&coded));
  coded.Trim();
  return bytes;
}

SeedRequest Seed(const std::string& name, const std::string& model,
                 const std::string& text,
                 absl::StatusCode outcome = absl::StatusCode::kOk) {
  return {name, model, Serialized(text), outcome};
}

constexpr absl::string_view kRow =
    R"(inputs { name: "x" datatype: "FP32" shape: 1 shape: 4 })";
// 16 bytes of zeros.
constexpr absl::string_view kRaw =
    R"(raw_input_contents:
       "\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000")";

// The field of typed contents that an element type travels in; halves travel
// raw only.
absl::string_view ContentsField(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "fp32_contents";
    case DType::kFloat64:
      return "fp64_contents";
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
      return "int_contents";
    case DType::kUInt8:
    case DType::kUInt16:
    case DType::kUInt32:
      return "uint_contents";
    case DType::kInt64:
      return "int64_contents";
    case DType::kUInt64:
      return "uint64_contents";
    case DType::kBool:
      return "bool_contents";
    default:
      return "";
  }
}

// An input of every type: raw, or typed without the half floats.
std::string EveryType(bool typed) {
  FakeEngine engine;
  const auto model = engine.functions().load_bytes("echo", {});
  OCTET_CHECK(model.ok());
  std::string text;
  for (const TensorSpec& spec : (*model)->inputs()) {
    const absl::string_view field = ContentsField(spec.dtype);
    if (typed && field.empty()) continue;
    absl::StrAppend(&text, "inputs { name: '", spec.name, "' datatype: '",
                    WireName(spec.dtype), "' shape: [1, 2] ");
    if (typed) {
      absl::StrAppend(&text, "contents { ", field, ": [",
                      spec.dtype == DType::kBool ? "true, false" : "1, 2",
                      "] } } ");
    } else {
      absl::StrAppend(&text, "} raw_input_contents: '",
                      std::string(spec.row_bytes(), '\1'), "' ");
    }
  }
  return text;
}

}  // namespace

std::vector<SeedRequest> SeedRequests() {
  std::vector<SeedRequest> seeds;
  seeds.push_back(Seed("raw", "scale 1", absl::StrCat(kRow, kRaw)));
  seeds.push_back(Seed("typed", "scale 1",
                       R"(model_name: "m" model_version: "1" id: "7"
         inputs { name: "x" datatype: "FP32" shape: [1, 4]
                  contents { fp32_contents: [1, 2, 3, 4] } })"));
  seeds.push_back(Seed("classes", "scale 1",
                       absl::StrCat(kRow, kRaw,
                                    R"(outputs { name: "y" parameters {
                        key: "classification" value { int64_param: 2 } } })")));
  seeds.push_back(Seed(
      "parameters", "scale 1",
      absl::StrCat(kRow, kRaw,
                   R"(parameters { key: "priority" value { uint64_param: 2 } }
                      parameters { key: "timeout" value { int64_param: 1000 } }
                      parameters { key: "binary_data_output"
                                   value { bool_param: true } })")));
  const absl::string_view place =
      R"(parameters { key: "shared_memory_region"
                      value { string_param: "region" } }
         parameters { key: "shared_memory_byte_size" value { int64_param: 16 } }
         parameters { key: "shared_memory_offset" value { int64_param: 16 } })";
  seeds.push_back(
      Seed("shared_memory", "scale 1",
           absl::StrCat(R"(inputs { name: "x" datatype: "FP32" shape: [1, 4] )",
                        place, "} outputs { name: 'y' ", place, "}"),
           absl::StatusCode::kNotFound));
  seeds.push_back(Seed(
      "whole", "whole",
      absl::StrCat(R"(inputs { name: "x" datatype: "FP32" shape: [2, 2] })",
                   kRaw)));
  seeds.push_back(Seed("open", "open",
                       R"(inputs { name: "x" datatype: "FP32" shape: [3, 2]
                       contents { fp32_contents: [1, 2, 3, 4, 5, 6] } })"));
  seeds.push_back(Seed("every_type_raw", "echo", EveryType(/*typed=*/false)));
  seeds.push_back(Seed("every_type_typed", "echo", EveryType(/*typed=*/true),
                       absl::StatusCode::kInvalidArgument));
  return seeds;
}

}  // namespace octet
