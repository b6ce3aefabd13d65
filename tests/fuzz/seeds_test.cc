// SPDX-License-Identifier: Apache-2.0
// What the fuzzers start from is good, else they would start from error
// messages; and the corpora hold it.
#include <string>

#include "engine/io/file.h"
#include "engine/onnx/importer.h"
#include "engine/optimize.h"
#include "gtest/gtest.h"
#include "proto/inference.pb.h"
#include "server/api/shared_memory.h"
#include "server/api/tensor_codec.h"
#include "tests/fuzz/seed_models.h"
#include "tests/fuzz/seed_requests.h"
#include "tests/testing/fake_engine.h"

namespace octet {
namespace {

void ExpectInCorpus(const std::string& file, const std::string& bytes) {
  const auto found =
      io::ReadFile(OCTET_SOURCE_DIR "/tests/fuzz/corpus/" + file);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, bytes) << file << ": write it again with write_seeds";
}

TEST(SeedsTest, EveryModelImportsAndIsInTheCorpus) {
  for (const onnx::SeedModel& seed : onnx::SeedModels()) {
    const auto model =
        onnx::ImportModel(seed.bytes, internal::ReferenceEvaluator());
    EXPECT_TRUE(model.ok()) << seed.name << ": " << model.status();
    ExpectInCorpus("onnx_importer/" + seed.name + ".onnx", seed.bytes);
  }
}

TEST(SeedsTest, EveryRequestDecodesAndIsInTheCorpus) {
  FakeEngine engine;
  for (const SeedRequest& seed : SeedRequests()) {
    SCOPED_TRACE(seed.name);
    const auto model = engine.functions().load_bytes(seed.model, {});
    ASSERT_TRUE(model.ok()) << model.status();
    inference::ModelInferRequest request;
    ASSERT_TRUE(request.ParseFromString(seed.bytes));
    const auto decoded =
        DecodeRequest(request, **model, {}, SharedMemoryRegions(""));
    EXPECT_EQ(decoded.status().code(), seed.outcome) << decoded.status();
    ExpectInCorpus("request/" + seed.name + ".pb", seed.bytes);
  }
}

}  // namespace
}  // namespace octet
