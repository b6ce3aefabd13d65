// SPDX-License-Identifier: Apache-2.0
#include "engine/base/thread_pool.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

TEST(ThreadPoolTest, RunsEveryIndexOnce) {
  for (int threads : {1, 2, 3, 5}) {
    ThreadPool pool(threads);
    for (int64_t count : {0, 1, 2, 3, 4, 7, 100, 1001}) {
      std::vector<std::atomic<int>> runs(count);
      pool.ParallelRun(count, [&](int64_t i) { ++runs[i]; });
      for (int64_t i = 0; i < count; ++i) {
        EXPECT_EQ(runs[i], 1) << "index " << i << " of " << count << ", "
                              << threads << " threads";
      }
    }
  }
}

TEST(ThreadPoolTest, RangesCoverAllItemsWithThreadsOfTheirOwn) {
  for (int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    for (int64_t items : {1, 2, 3, 5, 64, 65}) {
      std::mutex mutex;
      std::set<std::pair<int64_t, int64_t>> ranges;
      std::set<int> seen;
      pool.ParallelRanges(items, [&](int64_t begin, int64_t end, int thread) {
        std::lock_guard<std::mutex> lock(mutex);
        EXPECT_LT(begin, end);
        EXPECT_GE(thread, 0);
        EXPECT_LT(thread, threads);
        EXPECT_TRUE(seen.insert(thread).second) << "thread " << thread;
        ranges.insert({begin, end});
      });
      int64_t next = 0;
      for (const auto& [begin, end] : ranges) {
        EXPECT_EQ(begin, next);
        next = end;
      }
      EXPECT_EQ(next, items);
      EXPECT_LE(static_cast<int64_t>(ranges.size()), threads);
    }
  }
}

TEST(ThreadPoolTest, SharesAreEqual) {
  ThreadPool pool(3);
  std::mutex mutex;
  std::vector<int64_t> sizes;
  pool.ParallelRanges(10, [&](int64_t begin, int64_t end, int) {
    std::lock_guard<std::mutex> lock(mutex);
    sizes.push_back(end - begin);
  });
  EXPECT_THAT(sizes, testing::UnorderedElementsAre(3, 3, 4));
}

TEST(ThreadPoolTest, NothingToDoCallsNothing) {
  ThreadPool pool(2);
  pool.ParallelRanges(0, [](int64_t, int64_t, int) { FAIL(); });
  pool.ParallelRun(0, [](int64_t) { FAIL(); });
}

TEST(ThreadPoolTest, OneThreadRunsInlineAndInOrder) {
  ThreadPool pool(1);
  const std::thread::id caller = std::this_thread::get_id();
  std::vector<int64_t> order;
  pool.ParallelRun(5, [&](int64_t i) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    order.push_back(i);
  });
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST(ThreadPoolTest, CallerTakesPartAndWorkersDoTheRest) {
  ThreadPool pool(3);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  pool.ParallelRun(3, [&](int64_t) {
    std::lock_guard<std::mutex> lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(threads.size(), 3u);
  EXPECT_EQ(threads.count(std::this_thread::get_id()), 1u);
}

TEST(ThreadPoolTest, InParallelIsTrueInsideALoopOnly) {
  for (int threads : {1, 2}) {
    ThreadPool pool(threads);
    EXPECT_FALSE(ThreadPool::InParallel());
    std::atomic<int> inside = 0;
    pool.ParallelRun(4, [&](int64_t) { inside += ThreadPool::InParallel(); });
    EXPECT_EQ(inside, 4);
    EXPECT_FALSE(ThreadPool::InParallel());
  }
}

TEST(ThreadPoolTest, LoopsOfABurstRunEveryIndexOnce) {
  for (int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    for (int burst = 0; burst < 50; ++burst) {
      const ThreadPool::Burst looking_out(&pool);
      for (int loop = 0; loop < 20; ++loop) {
        std::vector<std::atomic<int>> runs(threads + 1);
        pool.ParallelRun(threads + 1, [&](int64_t i) { ++runs[i]; });
        for (const std::atomic<int>& run : runs) ASSERT_EQ(run, 1);
      }
    }
  }
}

TEST(ThreadPoolTest, BurstsAndSingleLoopsMix) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum = 0;
  const auto add = [&](int64_t i) { sum += i; };
  for (int round = 0; round < 200; ++round) {
    if (round % 3 == 0) {
      const ThreadPool::Burst looking_out(&pool);
      pool.ParallelRun(3, add);
    }
    pool.ParallelRun(3, add);
  }
  EXPECT_EQ(sum, 3 * (200 + 67));
}

TEST(ThreadPoolTest, EndsWithWorkersThatLookOut) {
  for (int round = 0; round < 20; ++round) {
    auto pool = std::make_unique<ThreadPool>(3);
    { const ThreadPool::Burst looking_out(pool.get()); }
    pool.reset();
  }
}

TEST(ThreadPoolTest, InnerLoopOnAPoolOfOneRunsInline) {
  ThreadPool outer(2);
  std::atomic<int> runs = 0;
  outer.ParallelRun(2, [&](int64_t) {
    ThreadPool inner(1);
    inner.ParallelRun(3, [&](int64_t) { ++runs; });
    EXPECT_TRUE(ThreadPool::InParallel());
  });
  EXPECT_EQ(runs, 6);
}

TEST(ThreadPoolDeathTest, InnerLoopOnATeamAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ThreadPool pool(2);
        pool.ParallelRun(2,
                         [&](int64_t) { pool.ParallelRun(2, [](int64_t) {}); });
      },
      "nested");
}

TEST(ThreadPoolTest, ManyLoopsInARowAllRun) {
  ThreadPool pool(2);
  std::atomic<int64_t> sum = 0;
  for (int i = 0; i < 2000; ++i) {
    pool.ParallelRun(2, [&](int64_t index) { sum += index; });
  }
  EXPECT_EQ(sum, 2000);
}

}  // namespace
}  // namespace octet
