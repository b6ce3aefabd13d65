// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_FOLDER_STATE_H_
#define OCTET_SERVER_MODELS_FOLDER_STATE_H_

#include <string>

#include "absl/time/time.h"

namespace octet {

// What a folder and everything below it looked like: which files, how long,
// which inodes, written when. Equal texts mean that nothing has changed, as far
// as the clock of the file system tells: two changes within some milliseconds
// have one time.
struct FolderState {
  std::string text;                          // empty: it cannot be read
  absl::Time newest = absl::InfinitePast();  // of the last change seen
};

// Links are looked at, not followed. Of more than 1,000 files the rest is left
// out.
FolderState ReadFolderState(const std::string& folder);

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_FOLDER_STATE_H_
