// SPDX-License-Identifier: Apache-2.0
#include "engine/io/npy.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/io/file.h"
#include "engine/io/npy_header.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr DType kAllTypes[] = {
    DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16,
    DType::kInt8,    DType::kUInt8,   DType::kInt16,   DType::kUInt16,
    DType::kInt32,   DType::kUInt32,  DType::kInt64,   DType::kUInt64,
    DType::kBool};

// A file of the given format version, as NumPy lays it out but not padded.
std::string File(absl::string_view dictionary, absl::string_view data,
                 int version = 1) {
  std::string file = "\x93NUMPY";
  file.push_back(static_cast<char>(version));
  file.push_back('\0');
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    file.push_back(static_cast<char>(dictionary.size() >> (8 * i)));
  }
  return absl::StrCat(file, dictionary, data);
}

std::string Dictionary(absl::string_view descr, absl::string_view shape,
                       bool fortran_order = false) {
  return absl::StrCat("{'descr': '", descr,
                      "', 'fortran_order': ", fortran_order ? "True" : "False",
                      ", 'shape': ", shape, ", }");
}

absl::Status Error(absl::string_view bytes) { return ParseNpy(bytes).status(); }

std::string Message(absl::string_view bytes) {
  return std::string(Error(bytes).message());
}

TEST(NpyTest, EveryTypeComesBackAsItWentOut) {
  for (DType dtype : kAllTypes) {
    Tensor tensor(dtype, {2, 3});
    for (size_t i = 0; i < tensor.byte_size(); ++i) {
      tensor.mutable_bytes()[i] =
          static_cast<std::byte>(dtype == DType::kBool ? i % 2 : 7 * i + 1);
    }
    const auto bytes = SerializeNpy(tensor);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    const auto back = ParseNpy(*bytes);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->dtype(), dtype);
    EXPECT_THAT(back->shape(), ElementsAre(2, 3));
    EXPECT_EQ(std::memcmp(back->bytes(), tensor.bytes(), tensor.byte_size()), 0)
        << Name(dtype);
  }
}

TEST(NpyTest, ScalarsVectorsAndEmptyArraysComeBack) {
  for (const Shape& shape : {Shape{}, Shape{4}, Shape{0, 3}, Shape{1, 1, 1}}) {
    const auto bytes = SerializeNpy(Tensor(DType::kInt16, shape));
    ASSERT_TRUE(bytes.ok());
    const auto back = ParseNpy(*bytes);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->shape(), shape);
  }
}

TEST(NpyTest, WritesWhatNumPyWrites) {
  // The header of numpy.save(file, numpy.zeros((3,), "<f4")).
  const auto header = FormatNpyHeader(DType::kFloat32, {3});
  ASSERT_TRUE(header.ok());
  const std::string expected =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
  EXPECT_EQ(header->size(), 128u);
  EXPECT_EQ(header->substr(0, 10),
            std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_EQ(header->substr(10, expected.size()), expected);
  EXPECT_EQ(header->substr(10 + expected.size()),
            std::string(128 - 11 - expected.size(), ' ') + "\n");
  EXPECT_THAT(*FormatNpyHeader(DType::kBool, {}), HasSubstr("'|b1'"));
  EXPECT_THAT(*FormatNpyHeader(DType::kBool, {}), HasSubstr("()"));
  EXPECT_THAT(*FormatNpyHeader(DType::kInt64, {2, 3}), HasSubstr("(2, 3)"));
}

TEST(NpyTest, ReadsVersionsTwoAndThree) {
  for (int version : {1, 2, 3}) {
    const auto tensor =
        ParseNpy(File(Dictionary("|u1", "(2,)"), "\x05\x06", version));
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_THAT(tensor->data<uint8_t>(), ElementsAre(5, 6));
  }
  EXPECT_THAT(Message(File(Dictionary("|u1", "(2,)"), "\x05\x06", 4)),
              HasSubstr("version 4.0"));
}

TEST(NpyTest, BigEndianIsConverted) {
  const auto tensor = ParseNpy(File(
      Dictionary(">i4", "(2,)"), std::string("\0\0\1\2\xff\xff\xff\xff", 8)));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_THAT(tensor->data<int32_t>(), ElementsAre(258, -1));
}

TEST(NpyTest, FortranOrderIsConverted) {
  // [[1, 2, 3], [4, 5, 6]] by columns.
  const auto matrix =
      ParseNpy(File(Dictionary("|i1", "(2, 3)", true), "\1\4\2\5\3\6"));
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_THAT(matrix->data<int8_t>(), ElementsAre(1, 2, 3, 4, 5, 6));
  // Element [i, j, k] of a [2, 2, 2] cube is stored at i + 2j + 4k.
  const auto cube = ParseNpy(File(Dictionary("|i1", "(2, 2, 2)", true),
                                  std::string("\0\1\2\3\4\5\6\7", 8)));
  ASSERT_TRUE(cube.ok()) << cube.status();
  EXPECT_THAT(cube->data<int8_t>(), ElementsAre(0, 4, 2, 6, 1, 5, 3, 7));
  const auto empty = ParseNpy(File(Dictionary("<f8", "(0, 3)", true), ""));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_THAT(empty->shape(), ElementsAre(0, 3));
}

TEST(NpyTest, AnyNonZeroByteOfABoolIsTrue) {
  const auto tensor =
      ParseNpy(File(Dictionary("|b1", "(3,)"), std::string("\0\1\xee", 3)));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_THAT(tensor->data<bool>(), ElementsAre(false, true, true));
}

TEST(NpyTest, HeaderMayBeWrittenInOtherWays) {
  const auto tensor = ParseNpy(File(
      "  {\"shape\":(2L,1), \"fortran_order\" :False,\"descr\":\"=u2\"} \n",
      std::string("\1\0\2\0", 4)));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_THAT(tensor->data<uint16_t>(), ElementsAre(1, 2));
}

TEST(NpyTest, OtherElementTypesAreNamed) {
  for (const char* descr : {"<c8", "|O", "<U5", "|S3", "<M8[ns]", "<f16", "|u2",
                            "f4", "", "<V4", "?i1"}) {
    const absl::Status status = Error(File(Dictionary(descr, "()"), ""));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << descr;
    EXPECT_THAT(std::string(status.message()), HasSubstr(descr));
  }
  EXPECT_THAT(Message(File("{'descr': [('x', '<f4')], 'fortran_order': False, "
                           "'shape': (1,)}",
                           "1234")),
              HasSubstr("records of several fields"));
}

TEST(NpyTest, DataMustBeExactlyThere) {
  const std::string dictionary = Dictionary("<i2", "(2,)");
  EXPECT_THAT(Message(File(dictionary, "123")), HasSubstr("cut short"));
  EXPECT_THAT(Message(File(dictionary, "12345")),
              HasSubstr("something follows the array"));
  EXPECT_TRUE(ParseNpy(File(dictionary, "1234")).ok());
}

TEST(NpyTest, HugeShapesAreRefusedBeforeAllocation) {
  for (const char* shape :
       {"(9223372036854775807,)", "(4294967296, 4294967296)",
        "(3037000500, 3037000500, 4)", "(9223372036854775807, 2)",
        "(0, 9223372036854775807, 9223372036854775807)", "(17179869185,)"}) {
    const absl::Status status = Error(File(Dictionary("|u1", shape), ""));
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << shape;
  }
  for (const char* shape : {"(9223372036854775808,)", "(-1,)", "(1.5,)", "(,)",
                            "(2 3)", "(2", "[2]", "2"}) {
    const absl::Status status = Error(File(Dictionary("|u1", shape), ""));
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << shape;
  }
  std::string deep = "(";
  for (int i = 0; i < 33; ++i) deep += "1,";
  EXPECT_EQ(Error(File(Dictionary("|u1", deep + ")"), "1")).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FormatNpyHeader(DType::kInt8, Shape(33, 1)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(NpyTest, HeaderLengthIsBounded) {
  std::string file = File(Dictionary("|u1", "(1,)"), "1", 2);
  file.replace(8, 4, "\xff\xff\xff\xff");
  EXPECT_THAT(Message(file), HasSubstr("4294967295 bytes long"));
  EXPECT_THAT(Message(File(std::string(kMaxNpyHeaderBytes, ' '), "", 2)),
              HasSubstr("expected at most"));
}

TEST(NpyTest, MalformedDictionariesAreRefused) {
  for (const char* dictionary :
       {"", "{", "{}", "{'descr'", "{'descr': ", "{'descr': '<f4'}",
        "{'descr': '<f4', 'descr': '<f4'}", "{'other': 1}", "no dictionary",
        "{'descr': '|u1', 'fortran_order': Maybe, 'shape': ()}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': ()} more",
        "{'descr': '|u1' 'fortran_order': False, 'shape': ()}"}) {
    EXPECT_EQ(Error(File(dictionary, "")).code(), absl::StatusCode::kDataLoss)
        << dictionary;
  }
}

TEST(NpyTest, EveryTruncationIsAnError) {
  const auto bytes = SerializeNpy(Tensor(DType::kFloat32, {3, 2}));
  ASSERT_TRUE(bytes.ok());
  for (size_t size = 0; size < bytes->size(); ++size) {
    const absl::Status status = Error(bytes->substr(0, size));
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
    EXPECT_THAT(status.message(), Not(IsEmpty()));
  }
}

TEST(NpyTest, AnyByteOfTheHeaderMayBeWrong) {
  const std::string file =
      File(Dictionary("<f4", "(3, 2)", true), std::string(24, 'x'));
  for (size_t position = 0; position < file.size() - 24; ++position) {
    for (int value = 0; value < 256; ++value) {
      std::string broken = file;
      broken[position] = static_cast<char>(value);
      const auto tensor = ParseNpy(broken);
      if (tensor.ok()) {
        EXPECT_EQ(tensor->byte_size(), 24u) << position << " " << value;
      } else {
        EXPECT_THAT(tensor.status().message(), Not(IsEmpty()));
      }
    }
  }
}

TEST(NpyTest, FilesComeBackAndErrorsNameThem) {
  const std::string path = ::testing::TempDir() + "/npy_test.npy";
  const std::vector<double> values = {1.5, -2, 1e300};
  ASSERT_TRUE(WriteNpy(path, Tensor::Of<double>({3}, values)).ok());
  const auto tensor = ReadNpy(path);
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_THAT(tensor->data<double>(), ElementsAre(1.5, -2, 1e300));

  ASSERT_TRUE(WriteFileAtomically(path, {"PK\3\4 a zip file"}).ok());
  EXPECT_THAT(std::string(ReadNpy(path).status().message()), HasSubstr(path));
  EXPECT_EQ(ReadNpy(path + ".absent").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace octet::io
