// SPDX-License-Identifier: Apache-2.0
#include "server/models/queue_policies.h"

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/model_config.pb.h"

namespace octet {
namespace {

QueuePolicies Policies(const std::string& text) {
  inference::ModelDynamicBatching config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config));
  return QueuePolicies(config);
}

constexpr absl::Duration kShort = absl::Microseconds(10);
constexpr absl::Duration kLong = absl::Microseconds(1000);

TEST(QueuePoliciesTest, WithoutAnyTheCallersTimeoutHolds) {
  const QueuePolicies policies = Policies("");
  EXPECT_EQ(policies.RuleFor(0, std::nullopt).timeout, std::nullopt);
  EXPECT_EQ(policies.RuleFor(0, kShort).timeout, kShort);
  EXPECT_FALSE(policies.RuleFor(0, kShort).yields);
  // There are no levels, so a priority means nothing.
  EXPECT_EQ(policies.RuleFor(7, std::nullopt).level, 0u);
}

TEST(QueuePoliciesTest, LevelsThatAreNotThereAreTheDefault) {
  const QueuePolicies policies =
      Policies("priority_levels: 3 default_priority_level: 2");
  EXPECT_EQ(policies.RuleFor(1, std::nullopt).level, 1u);
  EXPECT_EQ(policies.RuleFor(3, std::nullopt).level, 3u);
  EXPECT_EQ(policies.RuleFor(0, std::nullopt).level, 2u);
  EXPECT_EQ(policies.RuleFor(4, std::nullopt).level, 2u);
  EXPECT_EQ(policies.RuleFor(~0ull, std::nullopt).level, 2u);
}

TEST(QueuePoliciesTest, CallersMayOnlyShortenAndOnlyWhereTheyMay) {
  const QueuePolicies fixed =
      Policies("default_queue_policy { default_timeout_microseconds: 100 }");
  EXPECT_EQ(fixed.RuleFor(0, std::nullopt).timeout, absl::Microseconds(100));
  EXPECT_EQ(fixed.RuleFor(0, kShort).timeout, absl::Microseconds(100));
  const QueuePolicies open = Policies(
      "default_queue_policy { default_timeout_microseconds: 100 "
      "allow_timeout_override: true }");
  EXPECT_EQ(open.RuleFor(0, kShort).timeout, kShort);
  EXPECT_EQ(open.RuleFor(0, kLong).timeout, absl::Microseconds(100));
  const QueuePolicies none = Policies("default_queue_policy { }");
  EXPECT_EQ(none.RuleFor(0, kShort).timeout, std::nullopt);
}

TEST(QueuePoliciesTest, ALevelMayHaveItsOwn) {
  const QueuePolicies policies = Policies(
      "priority_levels: 2 default_priority_level: 1 "
      "default_queue_policy { max_queue_size: 5 } "
      "priority_queue_policy { key: 2 value { timeout_action: DELAY "
      "default_timeout_microseconds: 1000 max_queue_size: 3 } }");
  EXPECT_FALSE(policies.RuleFor(1, std::nullopt).yields);
  EXPECT_EQ(policies.RuleFor(1, std::nullopt).timeout, std::nullopt);
  EXPECT_TRUE(policies.RuleFor(2, std::nullopt).yields);
  EXPECT_EQ(policies.RuleFor(2, std::nullopt).timeout, kLong);
  QueueLimits limits;
  policies.Limit(&limits);
  EXPECT_EQ(limits.max_level_tasks, 5);
  EXPECT_EQ(limits.max_tasks_of_level.at(2), 3);
  QueueLimits untouched;
  Policies("priority_levels: 2 default_priority_level: 1").Limit(&untouched);
  EXPECT_EQ(untouched.max_level_tasks, std::nullopt);
}

}  // namespace
}  // namespace octet
