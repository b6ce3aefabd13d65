// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_TABLE_H_
#define OCTET_CLIENT_CLI_TABLE_H_

#include <string>
#include <vector>

namespace octet::cli {

// Text in left-aligned columns, two spaces apart.
// REQUIRES: every row has as many cells as the first one.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_TABLE_H_
