// SPDX-License-Identifier: Apache-2.0
// Writes the seed models and requests into their corpora, one file each:
//   write_seeds tests/fuzz/corpus
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/fuzz/seed_models.h"
#include "tests/fuzz/seed_requests.h"

namespace {

bool Write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (file.flush()) return true;
  std::fprintf(stderr, "can't write %s\n", path.c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  const std::string corpus = argv[1];
  for (const auto& seed : octet::onnx::SeedModels()) {
    if (!Write(corpus + "/onnx_importer/" + seed.name + ".onnx", seed.bytes)) {
      return 1;
    }
  }
  for (const auto& seed : octet::SeedRequests()) {
    if (!Write(corpus + "/request/" + seed.name + ".pb", seed.bytes)) return 1;
  }
  return 0;
}
