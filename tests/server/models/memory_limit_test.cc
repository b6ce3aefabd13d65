// SPDX-License-Identifier: Apache-2.0
#include "server/models/memory_limit.h"

#include "gtest/gtest.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

TEST(MemoryLimitTest, IsTheMachinesWithoutGroups) {
  ScratchFolder root;
  EXPECT_EQ(ReadMemoryLimit(root.path(), 1000), 1000);
  EXPECT_GT(ReadMemoryLimit(), 0);
}

TEST(MemoryLimitTest, IsTheTightestOfVersion2) {
  ScratchFolder root;
  root.Write("proc/self/cgroup", "0::/a/b\n");
  root.Write("sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(ReadMemoryLimit(root.path(), 1000), 1000);
  root.Write("sys/fs/cgroup/a/memory.max", "700\n");
  EXPECT_EQ(ReadMemoryLimit(root.path(), 1000), 700);
  root.Write("sys/fs/cgroup/a/b/memory.max", "800\n");
  EXPECT_EQ(ReadMemoryLimit(root.path(), 1000), 700);
}

TEST(MemoryLimitTest, IsThatOfVersion1) {
  ScratchFolder root;
  root.Write("proc/self/cgroup", "3:cpu,cpuacct:/x\n4:memory:/host/path\n");
  root.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "600\n");
  EXPECT_EQ(ReadMemoryLimit(root.path(), 1000), 600);
  root.Write("sys/fs/cgroup/memory/memory.limit_in_bytes",
             "9223372036854771712\n");
  EXPECT_EQ(ReadMemoryLimit(root.path(), 1000), 1000);
}

}  // namespace
}  // namespace octet
