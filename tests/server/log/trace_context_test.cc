// SPDX-License-Identifier: Apache-2.0
#include "server/log/trace_context.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace octet {
namespace {

constexpr char kGood[] =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContextTest, AValidHeaderIsTakenApart) {
  const std::optional<TraceContext> context = ParseTraceParent(kGood);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->parent_id, "00f067aa0ba902b7");
}

TEST(TraceContextTest, ALaterVersionMayBeLonger) {
  const std::string later = "cc" + std::string(kGood).substr(2);
  EXPECT_TRUE(ParseTraceParent(later).has_value());
  EXPECT_TRUE(ParseTraceParent(later + "-what-comes").has_value());
  EXPECT_FALSE(ParseTraceParent(later + "x").has_value());
  EXPECT_FALSE(ParseTraceParent(std::string(kGood) + "-x").has_value());
}

TEST(TraceContextTest, EverythingElseIsIgnored) {
  for (const char* header : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b\n-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
           "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
       }) {
    EXPECT_FALSE(ParseTraceParent(header).has_value()) << header;
  }
}

// Whatever one byte is changed to, the answer is one or the other.
TEST(TraceContextTest, NoByteBreaksIt) {
  for (size_t i = 0; i < sizeof(kGood) - 1; ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string header = kGood;
      header[i] = static_cast<char>(byte);
      const std::optional<TraceContext> context = ParseTraceParent(header);
      if (!context) continue;
      EXPECT_EQ(context->trace_id, header.substr(3, 32));
      EXPECT_EQ(context->parent_id, header.substr(36, 16));
    }
  }
}

}  // namespace
}  // namespace octet
