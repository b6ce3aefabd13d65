// SPDX-License-Identifier: Apache-2.0
#include "server/models/repository_watch.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/models/folder_state.h"
#include "server/models/model_repository.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

// How long nothing may happen before a change counts as finished, and how
// often there is a look when nothing is reported.
constexpr absl::Duration kQuiet = absl::Milliseconds(500);
constexpr absl::Duration kPoll = absl::Seconds(3);

}  // namespace

RepositoryChanges::RepositoryChanges(const ModelRepository* repository,
                                     size_t most)
    : repository_(*repository), most_(most), known_(Read()), last_(known_) {}

RepositoryChanges::States RepositoryChanges::Read() const {
  States states;
  auto names = repository_.ListModels();
  // A root that cannot be read for a moment is no reason to unload anything.
  if (!names.ok()) return last_;
  names->resize(std::min(names->size(), most_));
  for (const std::string& name : *names) {
    states[name] =
        ReadFolderState(absl::StrCat(repository_.root(), "/", name)).text;
  }
  return states;
}

RepositoryChanges::Found RepositoryChanges::Look() {
  Found found;
  States now = Read();
  for (const auto& [name, state] : now) {
    const auto known = known_.find(name);
    if (known != known_.end() && known->second == state) continue;
    const auto last = last_.find(name);
    if (last == last_.end() || last->second != state) {
      found.unfinished = true;
      continue;
    }
    found.changed.push_back(name);
    known_[name] = state;
  }
  for (auto known = known_.begin(); known != known_.end();) {
    const bool there = now.contains(known->first);
    const bool was_there = last_.contains(known->first);
    if (there || was_there) {
      found.unfinished = found.unfinished || !there;
      ++known;
      continue;
    }
    found.gone.push_back(known->first);
    known = known_.erase(known);
  }
  last_ = std::move(now);
  return found;
}

RepositoryWatch::RepositoryWatch(const ModelRepository* repository, size_t most,
                                 Actions actions)
    : repository_(*repository),
      actions_(std::move(actions)),
      changes_(repository, most),
      notify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      thread_([this] { Watch(); }) {
  pthread_setname_np(thread_.native_handle(), "octet-watch");
}

RepositoryWatch::~RepositoryWatch() {
  eventfd_write(stop_, 1);
  thread_.join();
  if (notify_ >= 0) close(notify_);
  close(stop_);
}

void RepositoryWatch::Subscribe() {
  if (notify_ < 0) return;
  constexpr uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                               IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF |
                               IN_ONLYDIR | IN_DONT_FOLLOW;
  // The root itself may be a link. What cannot be watched is polled.
  inotify_add_watch(notify_, repository_.root().c_str(),
                    kEvents & ~uint32_t{IN_DONT_FOLLOW});
  const auto names = repository_.ListModels();
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const std::string folder = absl::StrCat(repository_.root(), "/", name);
    if (inotify_add_watch(notify_, folder.c_str(), kEvents) < 0) return;
  }
}

bool RepositoryWatch::Await(absl::Duration limit) {
  pollfd files[] = {{stop_, POLLIN, 0}, {notify_, POLLIN, 0}};
  poll(files, notify_ < 0 ? 1 : 2,
       static_cast<int>(absl::ToInt64Milliseconds(limit)));
  if (files[0].revents != 0) return false;
  // Which file it was does not matter.
  alignas(inotify_event) char events[4096];
  while (notify_ >= 0 && read(notify_, events, sizeof(events)) > 0) {
  }
  return true;
}

void RepositoryWatch::Act(const RepositoryChanges::Found& found) {
  for (const std::string& name : found.changed) {
    spdlog::info("model '{}' has changed in the repository", name);
    actions_.changed(name);
  }
  for (const std::string& name : found.gone) {
    spdlog::info("model '{}' is gone from the repository", name);
    actions_.gone(name);
  }
}

void RepositoryWatch::Watch() {
  bool unfinished = false;
  while (true) {
    Subscribe();
    // Events while someone writes only make for one more look.
    if (!Await(unfinished ? kQuiet : kPoll)) return;
    const RepositoryChanges::Found found = changes_.Look();
    Act(found);
    unfinished = found.unfinished;
  }
}

}  // namespace octet
