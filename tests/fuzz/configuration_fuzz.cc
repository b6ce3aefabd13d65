// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as a model's configuration, in both of its forms.
#include <memory>

#include "absl/strings/string_view.h"
#include "server/models/model_configuration.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/testing/fake_engine.h"

namespace octet {
namespace {

void CheckAndComplete(const absl::StatusOr<ModelConfiguration>& configuration) {
  static auto* const engine = new FakeEngine();
  static const auto* const model = new std::shared_ptr<const Model>(
      *engine->functions().load_bytes("scale 1", {}));
  ExpectNoBug(configuration.status());
  if (!configuration.ok()) return;
  const absl::Status fits = CheckSignature(*configuration, **model);
  ExpectNoBug(fits);
  if (!fits.ok()) return;
  OCTET_CHECK(EffectiveBatch(*configuration, **model) >= 0);
  const auto complete = CompleteConfiguration(*configuration, **model);
  OCTET_CHECK(complete.input_size() == 1 && complete.output_size() == 1);
}

}  // namespace

const char kFuzzCorpus[] = "configuration";

}  // namespace octet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const octet::ConfigurationSource source{
      .model = "model", .origin = "config.pbtxt", .limits = {8, 2}};
  octet::CheckAndComplete(octet::ParseConfigurationText(text, source));
  octet::CheckAndComplete(octet::ParseConfigurationJson(text, source));
  return 0;
}
