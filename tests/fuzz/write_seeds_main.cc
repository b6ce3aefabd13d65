// SPDX-License-Identifier: Apache-2.0
// Writes the seed models into a folder, one file each:
//   write_seeds tests/fuzz/corpus/onnx_importer
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/fuzz/seed_models.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  for (const auto& seed : octet::onnx::SeedModels()) {
    const std::string path = std::string(argv[1]) + "/" + seed.name + ".onnx";
    std::ofstream file(path, std::ios::binary);
    file.write(seed.bytes.data(),
               static_cast<std::streamsize>(seed.bytes.size()));
    if (!file.flush()) {
      std::fprintf(stderr, "can't write %s\n", path.c_str());
      return 1;
    }
  }
  return 0;
}
