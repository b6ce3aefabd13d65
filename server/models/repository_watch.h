// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_REPOSITORY_WATCH_H_
#define OCTET_SERVER_MODELS_REPOSITORY_WATCH_H_

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "server/models/model_repository.h"

namespace octet {

// Finds out which models of a repository have changed, and waits until whoever
// changes them has finished: a model counts when two looks in a row find it the
// same, and other than when it last counted.
//
// Thread-compatible.
class RepositoryChanges {
 public:
  struct Found {
    std::vector<std::string> changed;  // new ones too
    std::vector<std::string> gone;
    bool unfinished = false;  // something has changed since the last look
  };

  // What is there now counts already. Models beyond the first `most` are left
  // alone.
  RepositoryChanges(const ModelRepository* repository, size_t most);

  // Everything that counts since the last call.
  Found Look();

 private:
  // By model: what its folder looked like.
  using States = std::map<std::string, std::string>;
  States Read() const;

  const ModelRepository& repository_;
  const size_t most_;
  States known_;  // as it last counted
  States last_;   // as of the last look
};

// Follows a repository on a thread of its own: looks when the system reports a
// change, and every few seconds, for not all file systems report.
class RepositoryWatch {
 public:
  struct Actions {
    std::function<void(const std::string& model)> changed;
    std::function<void(const std::string& model)> gone;
  };

  // `repository` must outlive the watch. The actions run on its thread.
  RepositoryWatch(const ModelRepository* repository, size_t most,
                  Actions actions);

  // Waits for the action that runs.
  ~RepositoryWatch();

  RepositoryWatch(const RepositoryWatch&) = delete;
  RepositoryWatch& operator=(const RepositoryWatch&) = delete;

 private:
  void Watch();
  // Asks to be told of changes in the root and in the models' folders.
  void Subscribe();
  // Waits for a change, for `limit`, or for the end; false at the end.
  bool Await(absl::Duration limit);
  void Act(const RepositoryChanges::Found& found);

  const ModelRepository& repository_;
  const Actions actions_;
  RepositoryChanges changes_;
  int notify_ = -1;  // inotify; -1 where there is none, and polling must do
  int stop_ = -1;    // an eventfd
  std::thread thread_;
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_REPOSITORY_WATCH_H_
