// SPDX-License-Identifier: Apache-2.0
// Compares our protocol descriptors, field by field, with the list of wire
// facts that other people's clients rely on (wire-fields.txt, not part of the
// project). Both sides are turned into one line a fact and compared as sets.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/grpc/health/v1/health.pb.h"
#include "proto/inference.pb.h"
#include "proto/model_config.pb.h"

namespace octet {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::FileDescriptor;
using ::google::protobuf::MethodDescriptor;
using ::google::protobuf::OneofDescriptor;
using Facts = std::set<std::string>;

// A type's name relative to the package, as the list writes it.
std::string RelativeName(const std::string& full_name,
                         const std::string& package) {
  return std::string(absl::StripPrefix(full_name, absl::StrCat(package, ".")));
}

std::string TypeName(const FieldDescriptor& field, const std::string& package) {
  if (field.is_map()) {
    const Descriptor& entry = *field.message_type();
    return absl::StrCat("map<", TypeName(*entry.map_key(), package), ", ",
                        TypeName(*entry.map_value(), package), ">");
  }
  if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
    return RelativeName(field.message_type()->full_name(), package);
  }
  if (field.type() == FieldDescriptor::TYPE_ENUM) {
    return RelativeName(field.enum_type()->full_name(), package);
  }
  return field.type_name();
}

void AddEnum(const EnumDescriptor& type, Facts* facts) {
  for (int i = 0; i < type.value_count(); ++i) {
    facts->insert(absl::StrCat("enum ", type.full_name(), ": ",
                               type.value(i)->name(), "=",
                               type.value(i)->number()));
  }
}

void AddMessage(const Descriptor& message, Facts* facts) {
  if (message.options().map_entry()) return;
  const std::string package = message.file()->package();
  facts->insert(absl::StrCat("message ", message.full_name()));
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    std::string fact = absl::StrCat(
        message.full_name(), ": ", field.name(), "=", field.number(), " ",
        field.is_repeated() && !field.is_map() ? "repeated " : "",
        TypeName(field, package));
    if (const OneofDescriptor* oneof = field.real_containing_oneof()) {
      absl::StrAppend(&fact, " (oneof ", oneof->name(), ")");
    }
    facts->insert(fact);
  }
  for (int i = 0; i < message.enum_type_count(); ++i) {
    AddEnum(*message.enum_type(i), facts);
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    AddMessage(*message.nested_type(i), facts);
  }
}

void AddMethod(const MethodDescriptor& method, Facts* facts) {
  const std::string package = method.file()->package();
  facts->insert(
      absl::StrCat("rpc ", method.service()->full_name(), "/", method.name(),
                   " (", method.client_streaming() ? "stream " : "",
                   RelativeName(method.input_type()->full_name(), package),
                   ") -> ", method.server_streaming() ? "stream " : "",
                   RelativeName(method.output_type()->full_name(), package)));
}

void AddFile(const FileDescriptor& file, Facts* facts) {
  for (int i = 0; i < file.message_type_count(); ++i) {
    AddMessage(*file.message_type(i), facts);
  }
  for (int i = 0; i < file.enum_type_count(); ++i) {
    AddEnum(*file.enum_type(i), facts);
  }
  for (int i = 0; i < file.service_count(); ++i) {
    for (int j = 0; j < file.service(i)->method_count(); ++j) {
      AddMethod(*file.service(i)->method(j), facts);
    }
  }
}

// Adds the facts of one line of the list: "rpc ...", "enum NAME: A=0, B=1" or
// "MESSAGE: field=1 type; other=2 repeated type (oneof name)".
void AddLine(const std::string& line, const std::string& package,
             Facts* facts) {
  if (absl::StartsWith(line, "rpc ")) {
    facts->insert(line);
    return;
  }
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(line, absl::MaxSplits(": ", 1));
  if (absl::StartsWith(line, "enum ")) {
    const std::string name = parts.first.substr(5);
    for (absl::string_view value : absl::StrSplit(parts.second, ", ")) {
      facts->insert(absl::StrCat("enum ", package, ".", name, ": ", value));
    }
    return;
  }
  const std::string name = absl::StrCat(package, ".", parts.first);
  facts->insert(absl::StrCat("message ", name));
  if (parts.second == "(empty)") return;
  for (absl::string_view field : absl::StrSplit(parts.second, "; ")) {
    facts->insert(absl::StrCat(name, ": ", field));
  }
}

class WireFieldsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* shared = std::getenv("OCTET_SHARED");
    const std::filesystem::path root(OCTET_SOURCE_DIR);
    path_ = (shared != nullptr ? std::filesystem::path(shared)
                               : root / ".." / "shared") /
            "wire-fields.txt";
    if (!std::filesystem::exists(path_)) {
      GTEST_SKIP() << path_.string() << " is not there: no list to compare "
                   << "with (set OCTET_SHARED to the folder that holds it)";
    }
  }

  // The facts that the list states for `package`.
  Facts ReadPackage(const std::string& package) const {
    std::ifstream file(path_);
    Facts facts;
    bool wanted = false;
    for (std::string line; std::getline(file, line);) {
      if (absl::StartsWith(line, "## package ")) {
        wanted = line == absl::StrCat("## package ", package);
      } else if (wanted && !line.empty() && line[0] != '#') {
        AddLine(line, package, &facts);
      }
    }
    return facts;
  }

 private:
  std::filesystem::path path_;
};

TEST_F(WireFieldsTest, InferenceHasEveryFactOfTheListAndNoOther) {
  Facts ours;
  AddFile(*inference::ModelInferRequest::descriptor()->file(), &ours);
  AddFile(*inference::ModelConfig::descriptor()->file(), &ours);
  const Facts theirs = ReadPackage("inference");
  // The list holds several hundred facts: a parser that reads nothing must
  // not pass for agreement.
  ASSERT_GT(theirs.size(), 400u);
  EXPECT_THAT(ours, ::testing::ContainerEq(theirs));
}

TEST_F(WireFieldsTest, HealthHasTheListsFactsAndWatch) {
  Facts ours;
  AddFile(*grpc::health::v1::HealthCheckRequest::descriptor()->file(), &ours);
  Facts theirs;
  for (const std::string& fact : ReadPackage("grpc.health.v1")) {
    // The list names this one type from the package's parent.
    std::vector<std::string> halves =
        absl::StrSplit(fact, absl::MaxSplits(" health.v1.", 1));
    theirs.insert(halves.size() == 2 ? absl::StrCat(halves[0], " ", halves[1])
                                     : fact);
  }
  ASSERT_GE(theirs.size(), 9u);
  theirs.insert(
      "rpc grpc.health.v1.Health/Watch (HealthCheckRequest) -> stream "
      "HealthCheckResponse");
  EXPECT_THAT(ours, ::testing::ContainerEq(theirs));
}

}  // namespace
}  // namespace octet
