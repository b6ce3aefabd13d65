// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/cpu_features.h"

#include <optional>

#include "gtest/gtest.h"

namespace octet::simd {
namespace {

TEST(CpuFeaturesTest, NamesAndParsesEveryIsa) {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvxVnni, Isa::kAvx512,
                  Isa::kAvx512Vnni, Isa::kAmxInt8}) {
    EXPECT_EQ(ParseIsa(IsaName(isa)), isa);
  }
  EXPECT_EQ(ParseIsa("sse9"), std::nullopt);
}

TEST(CpuFeaturesTest, PicksTheHighestIsaThatIsWhole) {
  CpuFeatures f;
  EXPECT_EQ(BestIsa(f), Isa::kPortable);
  f.avx2 = true;
  EXPECT_EQ(BestIsa(f), Isa::kPortable);  // our AVX2 kernels use FMA too
  f.fma = true;
  EXPECT_EQ(BestIsa(f), Isa::kAvx2);
  f.avx_vnni = true;
  EXPECT_EQ(BestIsa(f), Isa::kAvxVnni);
  f.avx512_core = true;
  EXPECT_EQ(BestIsa(f), Isa::kAvx512);
  f.avx512_vnni = true;
  EXPECT_EQ(BestIsa(f), Isa::kAvx512Vnni);
  f.amx_int8 = true;
  EXPECT_EQ(BestIsa(f), Isa::kAmxInt8);
}

TEST(CpuFeaturesTest, AgreesWithTheCompilersDetection) {
  const CpuFeatures& f = DetectedCpuFeatures();
  EXPECT_EQ(f.avx2, __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(f.fma, __builtin_cpu_supports("fma") != 0);
  EXPECT_EQ(f.avx512_vnni, __builtin_cpu_supports("avx512vnni") != 0);
  EXPECT_LE(ActiveIsa(), BestIsa(f));
}

}  // namespace
}  // namespace octet::simd
