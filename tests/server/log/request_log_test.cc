// SPDX-License-Identifier: Apache-2.0
#include "server/log/request_log.h"

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/log/log_limit.h"
#include "server/log/log_switches.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class RequestLogTest : public ::testing::Test {
 protected:
  void Start(const RequestSampling& sampling) {
    log_ = std::make_unique<RequestLog>(
        sampling, std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
  }

  void Note(const std::string& model, int times, absl::Status status = {}) {
    RequestRecord record;
    record.model = model;
    record.status = std::move(status);
    for (int i = 0; i < times; ++i) log_->Note(record);
  }

  // The lines, once the log is closed.
  std::vector<json> Lines() {
    log_.reset();
    std::vector<json> lines;
    for (const absl::string_view line : absl::StrSplit(text_.str(), '\n')) {
      if (!line.empty()) lines.push_back(json::parse(line));
    }
    return lines;
  }

  std::ostringstream text_;
  std::unique_ptr<RequestLog> log_;
};

TEST_F(RequestLogTest, ALineTellsAllOfARequest) {
  Start({.on = true, .fraction = 1});
  RequestOrigin origin;
  origin.peer = "ipv4:10.0.0.7";
  origin.trace =
      TraceContext{"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"};
  RequestRecord record;
  record.id = "a";
  record.model = "m";
  record.version = "3";
  record.rows = 2;
  record.total = absl::Microseconds(812);
  record.phases =
      RequestRecord::Phases{absl::Microseconds(11), absl::Microseconds(3),
                            absl::Microseconds(774), absl::Microseconds(2)};
  record.origin = &origin;
  log_->Note(record);
  const std::vector<json> lines = Lines();
  ASSERT_THAT(lines, SizeIs(1));
  json line = lines[0];
  EXPECT_THAT(line["time"].get<std::string>(),
              ::testing::MatchesRegex("....-..-..T..:..:..\\.......Z"));
  line.erase("time");
  EXPECT_EQ(line, json({{"id", "a"},
                        {"model", "m"},
                        {"version", "3"},
                        {"rows", 2},
                        {"code", "OK"},
                        {"total_us", 812},
                        {"queue_us", 11},
                        {"gather_us", 3},
                        {"compute_us", 774},
                        {"scatter_us", 2},
                        {"peer", "ipv4:10.0.0.7"},
                        {"trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"},
                        {"parent_id", "00f067aa0ba902b7"}}));
}

TEST_F(RequestLogTest, WhatClientsSendCannotBreakALine) {
  Start({.on = true, .fraction = 1});
  const std::string nasty =
      std::string("\n{\"forged\":1}\x1b[2J\x80\xff\0\"\\", 21) +
      "\xe2\x80\xa8" + std::string(1000, 'x');
  RequestRecord record;
  record.id = nasty;
  record.model = nasty;
  record.status = absl::InvalidArgumentError(nasty);
  log_->Note(record);
  const std::vector<json> lines = Lines();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_LT(text_.str().size(), 4000u);
  for (const char byte : text_.str()) {
    EXPECT_TRUE((byte >= ' ' && byte <= '~') || byte == '\n');
  }
  EXPECT_EQ(lines[0]["code"], "INVALID_ARGUMENT");
}

TEST_F(RequestLogTest, TheFractionIsExact) {
  for (const auto& [fraction, lines] :
       std::vector<std::pair<double, size_t>>{{1, 1000},
                                              {0.5, 500},
                                              {0.1, 100},
                                              {0.001, 1},
                                              {1.0 / 3, 333},
                                              {0.75, 750}}) {
    text_.str("");
    Start({.on = true, .fraction = fraction});
    Note("m", 1000);
    EXPECT_THAT(Lines(), SizeIs(lines)) << fraction;
  }
}

TEST_F(RequestLogTest, FailuresAreAlwaysThereUpToALimit) {
  Start({.on = true, .fraction = 0.001});
  Note("m", 5, absl::NotFoundError("no"));
  EXPECT_THAT(Lines(), SizeIs(5));
  text_.str("");
  Start({.on = true, .fraction = 0.001});
  Note("m", 900, absl::NotFoundError("no"));
  const size_t lines = Lines().size();
  EXPECT_GE(lines, 100u);
  EXPECT_LT(lines, 900u);
}

TEST_F(RequestLogTest, OffMeansOff) {
  Start({});
  EXPECT_FALSE(log_->active());
  Note("m", 10);
  Note("m", 10, absl::InternalError("bug"));
  EXPECT_THAT(Lines(), SizeIs(0));
}

TEST_F(RequestLogTest, AModelMayHaveItsOwnSampling) {
  Start({});
  log_->SetSampling("loud", RequestSampling{.on = true, .fraction = 1});
  EXPECT_TRUE(log_->active());
  Note("loud", 3);
  Note("quiet", 3);
  log_->SetSampling("", RequestSampling{.on = true, .fraction = 1});
  log_->SetSampling("loud", RequestSampling{});
  Note("loud", 1);
  Note("quiet", 1);
  log_->SetSampling("loud", std::nullopt);
  Note("loud", 1);
  EXPECT_TRUE(log_->GetSampling("loud").on);
  EXPECT_THAT(Lines(), SizeIs(5));
}

TEST_F(RequestLogTest, ACountEndsIt) {
  Start({.on = true, .fraction = 1, .count = 3});
  Note("m", 10);
  EXPECT_THAT(Lines(), SizeIs(3));
}

TEST_F(RequestLogTest, ManyThreadsMayWrite) {
  Start({.on = true, .fraction = 1});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] { Note("m", 500); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(Lines(), SizeIs(2000));
}

TEST(LogLimitTest, OneLineInAnInterval) {
  LogLimit limit(absl::Seconds(60));
  const absl::Time start = absl::FromUnixSeconds(1000);
  EXPECT_TRUE(limit.TakeAt(start));
  EXPECT_FALSE(limit.TakeAt(start));
  EXPECT_FALSE(limit.TakeAt(start + absl::Seconds(59)));
  EXPECT_TRUE(limit.TakeAt(start + absl::Seconds(60)));
  EXPECT_TRUE(limit.TakeAt(start));
}

TEST(LogSwitchesTest, EachLevelIsSwitchedByItself) {
  const auto logged = [](const LogSwitches& switches) {
    ::testing::internal::CaptureStderr();
    InstallLog(SwitchesFor("off"));
    SetLogSwitches(switches);
    spdlog::debug("a detail");
    spdlog::info("an event");
    spdlog::warn("a warning");
    spdlog::error("an error");
    spdlog::drop_all();
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(logged(SwitchesFor("off")), "");
  const std::string info = logged(SwitchesFor("info"));
  EXPECT_THAT(info, Not(HasSubstr("a detail")));
  EXPECT_THAT(info, HasSubstr("an event"));
  EXPECT_THAT(info, HasSubstr("a warning"));
  EXPECT_THAT(info, HasSubstr("an error"));
  LogSwitches odd = SwitchesFor("debug");
  odd.info = false;
  odd.error = false;
  odd.iso8601 = true;
  const std::string details = logged(odd);
  EXPECT_THAT(details, HasSubstr("a detail"));
  EXPECT_THAT(details, Not(HasSubstr("an event")));
  EXPECT_THAT(details, HasSubstr("a warning"));
  EXPECT_THAT(details, Not(HasSubstr("an error")));
  EXPECT_THAT(details, ::testing::StartsWith("20"));
}

}  // namespace
}  // namespace octet
