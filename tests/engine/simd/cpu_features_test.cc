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

TEST(CpuFeaturesTest, ALimitNeverPicksWhatTheMachineLacks) {
  CpuFeatures server;  // AVX-512 with VNNI, but without AVX-VNNI
  server.avx2 = server.fma = true;
  server.avx512_core = server.avx512_vnni = true;
  const auto best = [&](Isa limit) {
    return BestIsa(LimitFeatures(server, limit));
  };
  EXPECT_EQ(best(Isa::kAmxInt8), Isa::kAvx512Vnni);
  EXPECT_EQ(best(Isa::kAvx512), Isa::kAvx512);
  // vpdpbusd of 256 bits, which AVX-512 has in an encoding of its own.
  EXPECT_EQ(best(Isa::kAvxVnni), Isa::kAvxVnni);
  EXPECT_EQ(best(Isa::kAvx2), Isa::kAvx2);
  EXPECT_EQ(best(Isa::kPortable), Isa::kPortable);
  server.avx512_vnni = false;
  EXPECT_EQ(best(Isa::kAmxInt8), Isa::kAvx512);
  EXPECT_EQ(best(Isa::kAvxVnni), Isa::kAvx2);
}

TEST(CpuFeaturesTest, AgreesWithTheCompilersDetection) {
  const CpuFeatures& f = DetectedCpuFeatures();
  EXPECT_EQ(f.avx2, __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(f.fma, __builtin_cpu_supports("fma") != 0);
  EXPECT_EQ(f.avx512_vnni, __builtin_cpu_supports("avx512vnni") != 0);
  EXPECT_EQ(f.avx512_vbmi, __builtin_cpu_supports("avx512vbmi") != 0);
  EXPECT_LE(ActiveIsa(), BestIsa(f));
}

}  // namespace
}  // namespace octet::simd
