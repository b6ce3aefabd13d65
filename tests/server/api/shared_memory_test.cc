// SPDX-License-Identifier: Apache-2.0
#include "server/api/shared_memory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/shared_object.h"

namespace octet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SharedMemoryTest : public ::testing::Test {
 protected:
  absl::StatusCode Code(const std::string& name, const std::string& key,
                        uint64_t offset, uint64_t size) {
    return regions_.Register({name, key, offset, size}).code();
  }

  std::shared_ptr<const SharedMemoryRegion> Region(const SharedObject& object,
                                                   uint64_t offset,
                                                   uint64_t size) {
    const std::string name = absl::StrCat("region", regions_.List().size());
    const absl::Status status =
        regions_.Register({name, object.key(), offset, size});
    EXPECT_TRUE(status.ok()) << status;
    auto found = regions_.Find(name);
    return found.ok() ? *found : nullptr;
  }

  SharedMemoryRegions regions_{"/octet_test"};
};

TEST_F(SharedMemoryTest, ReadsAndWritesWithinTheRegion) {
  SharedObject object(100);
  object.Write(10, "abcdef");
  const auto region = Region(object, 10, 50);
  std::string bytes(3, '\0');
  ASSERT_TRUE(region->Read(2, 3, bytes.data()).ok());
  EXPECT_EQ(bytes, "cde");
  ASSERT_TRUE(region->Write(48, 2, "xy").ok());
  EXPECT_EQ(object.Read(57, 4), std::string("\0xy\0", 4));
  // The whole of it, and nothing more.
  EXPECT_TRUE(region->CheckRange(0, 50).ok());
  EXPECT_TRUE(region->CheckRange(50, 0).ok());
  EXPECT_FALSE(region->CheckRange(0, 51).ok());
  EXPECT_FALSE(region->CheckRange(51, 0).ok());
  EXPECT_FALSE(
      region->CheckRange(std::numeric_limits<uint64_t>::max(), 2).ok());
  EXPECT_FALSE(
      region->CheckRange(2, std::numeric_limits<uint64_t>::max()).ok());
  EXPECT_EQ(region->Write(49, 2, "xy").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(region->Read(49, 2, bytes.data()).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SharedMemoryTest, KeysStayUnderThePrefixAndInTheirFolder) {
  const SharedObject object(100);
  EXPECT_EQ(Code("r", "/other", 0, 1), absl::StatusCode::kPermissionDenied);
  for (const std::string& key :
       {std::string(), std::string("/"), std::string("octet_test"),
        std::string("/octet_test/../x"), std::string("/octet_test/x"),
        std::string("//octet_test"), std::string("/octet_test\n"),
        std::string("/octet_test\0x", 13),
        "/octet_test" + std::string(300, 'x')}) {
    EXPECT_EQ(Code("r", key, 0, 1), absl::StatusCode::kInvalidArgument) << key;
  }
  for (const std::string& name :
       {std::string(), std::string("a\nb"), std::string(300, 'x')}) {
    EXPECT_EQ(Code(name, object.key(), 0, 1),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_EQ(Code("r", "/octet_test_nowhere", 0, 1),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(regions_.List().empty());
  SharedMemoryRegions off("");
  EXPECT_FALSE(off.enabled());
  EXPECT_EQ(off.Register({"r", object.key(), 0, 1}).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(SharedMemoryTest, SizesAreCheckedAgainstTheObject) {
  const SharedObject object(100);
  constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(Code("r", object.key(), 0, 0), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code("r", object.key(), 0, 101),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code("r", object.key(), 100, 1),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code("r", object.key(), 1, kHuge),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code("r", object.key(), kHuge, 1),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code("r", object.key(), kHuge - 5, 10),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code("r", object.key(), kHuge / 2, kHuge / 2),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code("r", object.key(), 99, 1), absl::StatusCode::kOk);
}

TEST_F(SharedMemoryTest, LinksAndOtherThingsAreNotFollowed) {
  SharedObject object(100);
  const std::string link = object.key() + "_link";
  const std::string target = "/dev/shm" + object.key();
  if (symlink(target.c_str(), ("/dev/shm" + link).c_str()) != 0) {
    GTEST_SKIP() << "shared memory is not in /dev/shm here";
  }
  EXPECT_EQ(Code("r", link, 0, 1), absl::StatusCode::kInvalidArgument);
  unlink(("/dev/shm" + link).c_str());
  const std::string pipe = object.key() + "_pipe";
  ASSERT_EQ(mkfifo(("/dev/shm" + pipe).c_str(), 0600), 0);
  EXPECT_EQ(Code("r", pipe, 0, 1), absl::StatusCode::kInvalidArgument);
  unlink(("/dev/shm" + pipe).c_str());
  const std::string folder = object.key() + "_folder";
  ASSERT_EQ(mkdir(("/dev/shm" + folder).c_str(), 0700), 0);
  EXPECT_EQ(Code("r", folder, 0, 1), absl::StatusCode::kInvalidArgument);
  rmdir(("/dev/shm" + folder).c_str());
}

TEST_F(SharedMemoryTest, AnObjectCutShortIsAnErrorAndNothingElse) {
  SharedObject object(1 << 20);
  const auto region = Region(object, 0, 1 << 20);
  object.Resize(10);
  std::string bytes(100, '\0');
  const absl::Status read = region->Read(0, 100, bytes.data());
  EXPECT_EQ(read.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(read.message()),
              AllOf(HasSubstr("10 bytes"), HasSubstr(object.key())));
  EXPECT_EQ(region->Write(0, 100, bytes.data()).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(object.size(), 10u);
  object.Resize(0);
  EXPECT_FALSE(region->Read(0, 1, bytes.data()).ok());
  object.Resize(1 << 20);
  EXPECT_TRUE(region->Read(0, 100, bytes.data()).ok());
}

TEST_F(SharedMemoryTest, AnObjectThatChangesItsSizeAllTheTimeHarmsNobody) {
  SharedObject object(1 << 20);
  const auto region = Region(object, 0, 1 << 20);
  std::thread hostile([&object] {
    for (int i = 0; i < 300; ++i) {
      object.Resize(i % 2 == 0 ? 0 : 1 << 20);
    }
    object.Resize(1 << 20);
  });
  std::string bytes(1 << 20, 'x');
  for (int i = 0; i < 100; ++i) {
    const absl::Status status = i % 2 == 0
                                    ? region->Read(0, 1 << 20, bytes.data())
                                    : region->Write(0, 1 << 20, bytes.data());
    EXPECT_TRUE(status.ok() ||
                status.code() == absl::StatusCode::kFailedPrecondition)
        << status;
  }
  hostile.join();
  EXPECT_TRUE(region->Read(0, 1 << 20, bytes.data()).ok());
}

TEST_F(SharedMemoryTest, NamesAreUniqueAndTheirNumberBounded) {
  const SharedObject object(100);
  EXPECT_EQ(Code("r", object.key(), 0, 1), absl::StatusCode::kOk);
  EXPECT_EQ(Code("r", object.key(), 0, 1), absl::StatusCode::kAlreadyExists);
  for (size_t i = 1; i < SharedMemoryRegions::kMost; ++i) {
    ASSERT_EQ(Code(absl::StrCat("r", i), object.key(), 0, 1),
              absl::StatusCode::kOk);
  }
  EXPECT_EQ(Code("one more", object.key(), 0, 1),
            absl::StatusCode::kResourceExhausted);
  regions_.Unregister("r");
  regions_.Unregister("r");
  EXPECT_EQ(Code("one more", object.key(), 0, 1), absl::StatusCode::kOk);
  EXPECT_EQ(regions_.Find("r").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(regions_.List().size(), SharedMemoryRegions::kMost);
  regions_.Unregister("");
  EXPECT_TRUE(regions_.List().empty());
}

TEST_F(SharedMemoryTest, ARegionLivesAsLongAsItIsHeld) {
  SharedObject object(10);
  object.Write(0, "0123456789");
  const auto region = Region(object, 0, 10);
  regions_.Unregister("");
  char byte = 0;
  EXPECT_TRUE(region->Read(9, 1, &byte).ok());
  EXPECT_EQ(byte, '9');
}

TEST_F(SharedMemoryTest, OverlapIsOfObjectsNotOfNames) {
  const SharedObject object(100);
  const SharedObject other(100);
  const auto first = Region(object, 0, 50);
  const auto second = Region(object, 40, 50);
  const auto apart = Region(other, 0, 50);
  EXPECT_TRUE(first->Overlaps({40, 10}, *second, {0, 10}));
  EXPECT_TRUE(first->Overlaps({0, 41}, *second, {0, 1}));
  EXPECT_FALSE(first->Overlaps({0, 40}, *second, {0, 10}));
  EXPECT_FALSE(first->Overlaps({0, 10}, *first, {10, 10}));
  EXPECT_FALSE(first->Overlaps({0, 50}, *apart, {0, 50}));
}

}  // namespace
}  // namespace octet
