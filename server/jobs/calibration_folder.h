// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_CALIBRATION_FOLDER_H_
#define OCTET_SERVER_JOBS_CALIBRATION_FOLDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/tensor.h"

// Calibration samples that the server reads itself, from the one folder that
// its operator allows.
namespace octet {

// Whether `path` may be looked for in `folder` at all, without looking.
//   FAILED_PRECONDITION  `folder` is empty: the server has none
//   INVALID_ARGUMENT     `path` is absolute, has a part "..", a control
//                        character, or more than 1,024 bytes
absl::Status CheckCalibrationPath(const std::string& folder,
                                  const std::string& path);

// The samples of `path`, relative to `folder`: a .npz file, a .npy file, or a
// folder with .npy files, one array an input. A link that leads out of
// `folder` is never followed; pipes and devices are not opened.
// As CheckCalibrationPath(), and
//   NOT_FOUND           nothing of that name, or no .npy file in it
//   PERMISSION_DENIED   it is not readable, or leads out of the folder
//   DATA_LOSS           a damaged file
//   INVALID_ARGUMENT    another kind of file; arrays of unequal sample counts
//   RESOURCE_EXHAUSTED  the arrays have more than `max_bytes`
absl::StatusOr<std::vector<NamedTensor>> ReadCalibration(
    const std::string& folder, const std::string& path, int64_t max_bytes);

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_CALIBRATION_FOLDER_H_
