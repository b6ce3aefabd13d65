// SPDX-License-Identifier: Apache-2.0
#include "client/cli/table.h"

#include "gtest/gtest.h"

namespace octet::cli {
namespace {

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCellAndLinesEndWithoutSpaces) {
  EXPECT_EQ(FormatTable({{"a", "b", "c"}, {"long", "", "x"}}),
            "a     b  c\n"
            "long     x\n");
}

TEST(TableTest, NoRowsAreNoText) { EXPECT_EQ(FormatTable({}), ""); }

}  // namespace
}  // namespace octet::cli
