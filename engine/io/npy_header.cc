// SPDX-License-Identifier: Apache-2.0
#include "engine/io/npy_header.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"

namespace octet::io {
namespace {

constexpr absl::string_view kMagic = "\x93NUMPY";
constexpr size_t kVersionBytes = 2;
constexpr size_t kMaxRank = 32;
// The elements start on a multiple of this, so that a file can be mapped.
constexpr size_t kDataAlignment = 64;

struct TypeCode {
  DType dtype;
  absl::string_view code;
};

// NumPy has no bfloat16; the packages that add one save it as two opaque bytes.
constexpr TypeCode kTypeCodes[] = {
    {DType::kFloat32, "f4"},  {DType::kFloat64, "f8"}, {DType::kFloat16, "f2"},
    {DType::kBFloat16, "V2"}, {DType::kInt8, "i1"},    {DType::kUInt8, "u1"},
    {DType::kInt16, "i2"},    {DType::kUInt16, "u2"},  {DType::kInt32, "i4"},
    {DType::kUInt32, "u4"},   {DType::kInt64, "i8"},   {DType::kUInt64, "u8"},
    {DType::kBool, "b1"},
};

absl::Status Malformed(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("malformed .npy header: ", what));
}

// The fields as they stand in the header's dictionary.
struct Fields {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<Shape> shape;
};

// Reads the Python dictionary literal that a header is. Only what NumPy writes
// is understood: strings without escapes, True, False, tuples of integers.
class DictionaryReader {
 public:
  explicit DictionaryReader(absl::string_view text) : text_(text) {}

  absl::StatusOr<Fields> Read() {
    if (!Take('{')) return Malformed("expected '{'");
    Fields fields;
    while (!Take('}')) {
      OCTET_ASSIGN_OR_RETURN(std::string key, ReadString());
      if (!Take(':')) return Malformed(absl::StrCat("no ':' after ", key));
      OCTET_RETURN_IF_ERROR(ReadValue(key, &fields));
      if (Take(',')) continue;
      if (!Take('}')) return Malformed("expected ',' or '}' after a value");
      break;
    }
    SkipSpace();
    if (!text_.empty()) return Malformed("text behind the closing '}'");
    return fields;
  }

 private:
  void SkipSpace() { text_ = absl::StripLeadingAsciiWhitespace(text_); }

  bool Take(char wanted) {
    SkipSpace();
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }

  bool TakeWord(absl::string_view word) {
    SkipSpace();
    if (!absl::StartsWith(text_, word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  absl::StatusOr<std::string> ReadString() {
    SkipSpace();
    if (text_.empty() || (text_.front() != '\'' && text_.front() != '"')) {
      return Malformed("expected a quoted word");
    }
    const size_t end = text_.find(text_.front(), 1);
    if (end == absl::string_view::npos) return Malformed("unclosed quote");
    std::string word(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return word;
  }

  absl::Status ReadValue(absl::string_view key, Fields* fields) {
    if (key == "descr" && !fields->descr) {
      SkipSpace();
      if (absl::StartsWith(text_, "[")) {
        return absl::InvalidArgumentError(
            "the array has records of several fields; expected one number an "
            "element: save one field of it");
      }
      OCTET_ASSIGN_OR_RETURN(fields->descr, ReadString());
    } else if (key == "fortran_order" && !fields->fortran_order) {
      const bool yes = TakeWord("True");
      if (!yes && !TakeWord("False")) {
        return Malformed("fortran_order is neither True nor False");
      }
      fields->fortran_order = yes;
    } else if (key == "shape" && !fields->shape) {
      OCTET_ASSIGN_OR_RETURN(fields->shape, ReadShape());
    } else {
      return Malformed(absl::StrCat("unknown or repeated key '",
                                    absl::CHexEscape(key), "'"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Shape> ReadShape() {
    if (!Take('(')) return Malformed("shape is no tuple");
    Shape shape;
    while (!Take(')')) {
      if (shape.size() == kMaxRank) {
        return absl::InvalidArgumentError(
            absl::StrCat("the array has more than ", kMaxRank, " dimensions"));
      }
      OCTET_ASSIGN_OR_RETURN(int64_t dimension, ReadDimension());
      shape.push_back(dimension);
      if (Take(',')) continue;
      if (!Take(')')) return Malformed("expected ',' or ')' in the shape");
      break;
    }
    return shape;
  }

  absl::StatusOr<int64_t> ReadDimension() {
    SkipSpace();
    size_t digits = 0;
    while (digits < text_.size() && absl::ascii_isdigit(text_[digits])) {
      ++digits;
    }
    int64_t dimension = 0;
    if (!absl::SimpleAtoi(text_.substr(0, digits), &dimension)) {
      return Malformed("a dimension is no integer from 0 to 2^63-1");
    }
    text_.remove_prefix(digits);
    TakeWord("L");  // written by Python 2 behind a long integer
    return dimension;
  }

  absl::string_view text_;
};

absl::Status SetType(absl::string_view descr, NpyHeader* header) {
  for (const TypeCode& type : kTypeCodes) {
    if (descr.size() != 3 || descr.substr(1) != type.code) continue;
    const char order = descr[0];
    const bool unordered = order == '|' && (SizeOf(type.dtype) == 1 ||
                                            type.dtype == DType::kBFloat16);
    if (!unordered && order != '<' && order != '>' && order != '=') continue;
    header->dtype = type.dtype;
    header->big_endian = order == '>';
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "element type '", absl::CHexEscape(descr),
      "' is none that octet has (bool, integers of 8 to 64 bits, floats of 16 "
      "to 64 bits); convert with array.astype() before saving"));
}

// Little-endian, whatever the machine.
size_t ReadLength(absl::string_view bytes) {
  size_t length = 0;
  for (size_t i = bytes.size(); i-- > 0;) {
    length = length << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return length;
}

}  // namespace

absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view bytes) {
  if (!absl::StartsWith(bytes, kMagic)) {
    return absl::DataLossError(
        "no .npy file: it does not start with \\x93NUMPY; save the array with "
        "numpy.save()");
  }
  const absl::string_view rest = bytes.substr(kMagic.size());
  if (rest.size() < kVersionBytes) return Malformed("cut short");
  const int major = static_cast<uint8_t>(rest[0]);
  if (major < 1 || major > 3 || rest[1] != 0) {
    return absl::DataLossError(absl::StrCat(".npy format version ", major, ".",
                                            static_cast<uint8_t>(rest[1]),
                                            "; expected 1.0, 2.0 or 3.0"));
  }
  const size_t length_bytes = major == 1 ? 2 : 4;
  const size_t prefix = kMagic.size() + kVersionBytes + length_bytes;
  if (bytes.size() < prefix) return Malformed("cut short");
  const size_t length = ReadLength(rest.substr(kVersionBytes, length_bytes));
  if (length > kMaxNpyHeaderBytes - prefix) {
    return Malformed(absl::StrCat(length, " bytes long; expected at most ",
                                  kMaxNpyHeaderBytes - prefix));
  }
  if (bytes.size() - prefix < length) return Malformed("cut short");

  OCTET_ASSIGN_OR_RETURN(Fields fields,
                         DictionaryReader(bytes.substr(prefix, length)).Read());
  if (!fields.descr || !fields.fortran_order || !fields.shape) {
    return Malformed("expected the keys descr, fortran_order and shape");
  }
  NpyHeader header;
  OCTET_RETURN_IF_ERROR(SetType(*fields.descr, &header));
  header.fortran_order = *fields.fortran_order;
  header.shape = *std::move(fields.shape);
  header.data_offset = prefix + length;
  return header;
}

absl::StatusOr<std::string> FormatNpyHeader(DType dtype,
                                            absl::Span<const int64_t> shape) {
  if (shape.size() > kMaxRank) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a tensor of shape ", ShapeToString(shape), " has ", shape.size(),
        " dimensions; a .npy file holds at most ", kMaxRank));
  }
  absl::string_view code;
  for (const TypeCode& type : kTypeCodes) {
    if (type.dtype == dtype) code = type.code;
  }
  std::string dictionary = absl::StrCat(
      "{'descr': '", SizeOf(dtype) == 1 ? "|" : "<", code,
      "', 'fortran_order': False, 'shape': (", absl::StrJoin(shape, ", "),
      shape.size() == 1 ? "," : "", "), }");
  const size_t prefix = kMagic.size() + kVersionBytes + 2;
  const size_t unpadded = prefix + dictionary.size() + 1;
  dictionary.append(
      (kDataAlignment - unpadded % kDataAlignment) % kDataAlignment, ' ');
  dictionary.push_back('\n');
  std::string header = absl::StrCat(kMagic, absl::string_view("\x01\x00", 2));
  header.push_back(static_cast<char>(dictionary.size() & 0xff));
  header.push_back(static_cast<char>(dictionary.size() >> 8));
  return header + dictionary;
}

}  // namespace octet::io
