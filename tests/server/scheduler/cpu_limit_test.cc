// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/cpu_limit.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace octet {
namespace {

class CpuLimitTest : public ::testing::Test {
 protected:
  CpuLimitTest()
      : root_(::testing::TempDir() + "cpu_limit_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
  }
  ~CpuLimitTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  const std::string root_;
};

TEST_F(CpuLimitTest, AffinityAloneWhereThereAreNoGroups) {
  const CpuLimit limit = ReadCpuLimit(root_, 6);
  EXPECT_EQ(limit.cpus, 6);
  EXPECT_FALSE(limit.quota.has_value());
}

TEST_F(CpuLimitTest, QuotaOfVersion2IsRoundedDown) {
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/cpu.max", "250000 100000\n");
  const CpuLimit limit = ReadCpuLimit(root_, 8);
  EXPECT_EQ(limit.cpus, 2);
  ASSERT_TRUE(limit.quota.has_value());
  EXPECT_DOUBLE_EQ(*limit.quota, 2.5);
}

TEST_F(CpuLimitTest, QuotaBelowOneStillAllowsOne) {
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(ReadCpuLimit(root_, 8).cpus, 1);
}

TEST_F(CpuLimitTest, NoQuotaIsMaxOrMinusOne) {
  Write("/proc/self/cgroup", "0::/\n1:cpu,cpuacct:/\n");
  Write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  Write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  Write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  const CpuLimit limit = ReadCpuLimit(root_, 3);
  EXPECT_EQ(limit.cpus, 3);
  EXPECT_FALSE(limit.quota.has_value());
}

TEST_F(CpuLimitTest, TightestGroupUpToTheMountBinds) {
  Write("/proc/self/cgroup", "0::/pods/one\n");
  Write("/sys/fs/cgroup/pods/cpu.max", "300000 100000\n");
  Write("/sys/fs/cgroup/pods/one/cpu.max", "500000 100000\n");
  EXPECT_EQ(ReadCpuLimit(root_, 8).cpus, 3);
}

TEST_F(CpuLimitTest, QuotaOfVersion1) {
  Write("/proc/self/cgroup", "4:cpu,cpuacct:/docker/abc\n3:memory:/\n");
  // Seen from inside, the group's path of the host does not exist.
  Write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "400000\n");
  Write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(ReadCpuLimit(root_, 16).cpus, 4);
}

TEST_F(CpuLimitTest, AffinityBindsWhereItIsLess) {
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/cpu.max", "800000 100000\n");
  EXPECT_EQ(ReadCpuLimit(root_, 2).cpus, 2);
}

TEST_F(CpuLimitTest, NonsenseIsNoLimit) {
  Write("/proc/self/cgroup", "nonsense\n::\n0::relative\n");
  Write("/sys/fs/cgroup/cpu.max", "many few\n");
  EXPECT_EQ(ReadCpuLimit(root_, 5).cpus, 5);
}

TEST(CpuLimitHereTest, ThisProcessMayUseAtLeastOne) {
  const CpuLimit limit = ReadCpuLimit();
  EXPECT_GE(limit.cpus, 1);
  EXPECT_LE(limit.cpus, limit.affinity);
}

}  // namespace
}  // namespace octet
