// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/catalogue.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/io/file.h"
#include "engine/io/labels.h"
#include "engine/io/npy.h"

namespace octet {
namespace {

enum class Samples { kImageNet, kCifar10, kSpeech, kDigits, kMachineNoise };

// How a picture's bytes become a model's input: channel c of it is
// (byte - mean[c]) * scale[c] of the file's channel source[c].
struct PictureForm {
  std::array<int, 3> source = {0, 1, 2};  // the files have R, G, B
  std::array<double, 3> mean = {0, 0, 0};
  std::array<double, 3> scale = {1, 1, 1};
};

constexpr PictureForm kBgrMinusMean = {{2, 1, 0}, {104, 117, 123}, {1, 1, 1}};
constexpr PictureForm kMinusOneToOne = {
    {0, 1, 2}, {127.5, 127.5, 127.5}, {1 / 127.5, 1 / 127.5, 1 / 127.5}};
constexpr PictureForm kNormalized = {
    {0, 1, 2},
    {255 * .485, 255 * .456, 255 * .406},
    {1 / (255 * .229), 1 / (255 * .224), 1 / (255 * .225)}};

struct Entry {
  const char* name;
  const char* file;
  Samples samples;
  PictureForm form;
  bool drop_first_class;
};

constexpr Entry kEntries[] = {
    {"resnet20", "resnet20_cifar10", Samples::kCifar10, kNormalized, false},
    {"resnet56", "resnet56_cifar10", Samples::kCifar10, kNormalized, false},
    {"squeezenet", "squeezenet_imagenet_fp32", Samples::kImageNet,
     kBgrMinusMean, false},
    {"mobilenetv2", "mobilenetv2_imagenet_fp32", Samples::kImageNet,
     kMinusOneToOne, true},
    {"mobilenetv1_025", "mobilenetv1_025_imagenet_fp32", Samples::kImageNet,
     kMinusOneToOne, true},
    {"tinycnn", "tinycnn_cifar10", Samples::kCifar10, kNormalized, false},
    {"mnist", "mnist_cntk", Samples::kDigits, {}, false},
    {"kws_dscnn", "kws_dscnn_fp32", Samples::kSpeech, {}, false},
    {"ad01", "ad01_autoencoder_fp32", Samples::kMachineNoise, {}, false},
};

const Entry* Find(absl::string_view name) {
  for (const Entry& entry : kEntries) {
    if (name == entry.name) return &entry;
  }
  return nullptr;
}

std::string InputsFolder() {
  return absl::StrCat(SharedFolder(), "/data/inputs/");
}

// uint8 [n, H, W, 3] -> float32 [n, 3, H, W].
Tensor Pictures(const Tensor& bytes, const PictureForm& form) {
  const Shape& from = bytes.shape();
  const int64_t pixels = from[1] * from[2];
  Tensor result(DType::kFloat32, {from[0], 3, from[1], from[2]});
  const auto source = bytes.data<uint8_t>();
  auto target = result.mutable_data<float>();
  for (int64_t n = 0; n < from[0]; ++n) {
    for (int64_t c = 0; c < 3; ++c) {
      for (int64_t i = 0; i < pixels; ++i) {
        const double byte = source[(n * pixels + i) * 3 + form.source[c]];
        target[(n * 3 + c) * pixels + i] =
            static_cast<float>((byte - form.mean[c]) * form.scale[c]);
      }
    }
  }
  return result;
}

absl::StatusOr<Tensor> ReadPictures(const std::string& file,
                                    const PictureForm& form) {
  OCTET_ASSIGN_OR_RETURN(const Tensor bytes,
                         io::ReadNpy(InputsFolder() + file));
  return Pictures(bytes, form);
}

// int8 [n, 490], 49 times of 10 features each -> float32 [n, 1, 49, 10].
absl::StatusOr<Tensor> ReadSpeech(const std::string& file) {
  OCTET_ASSIGN_OR_RETURN(const Tensor bytes,
                         io::ReadNpy(InputsFolder() + file));
  Tensor result(DType::kFloat32, {bytes.shape()[0], 1, 49, 10});
  if (result.size() != bytes.size()) {
    return absl::DataLossError(absl::StrCat(file, " has shape ",
                                            ShapeToString(bytes.shape()),
                                            "; expected 490 features a row"));
  }
  const auto source = bytes.data<int8_t>();
  auto target = result.mutable_data<float>();
  for (size_t i = 0; i < source.size(); ++i) {
    target[i] = static_cast<float>((source[i] - 83) * 0.5847029);
  }
  return result;
}

// uint8 [n, 28, 28] -> float32 [n, 1, 28, 28], 0 to 255.
absl::StatusOr<Tensor> ReadDigits(const std::string& file) {
  OCTET_ASSIGN_OR_RETURN(const Tensor bytes,
                         io::ReadNpy(InputsFolder() + file));
  Tensor result(DType::kFloat32, {bytes.shape()[0], 1, 28, 28});
  const auto source = bytes.data<uint8_t>();
  auto target = result.mutable_data<float>();
  for (size_t i = 0; i < source.size(); ++i) target[i] = source[i];
  return result;
}

absl::Status AddPictures(const std::string& stem, const std::string& sizes,
                         std::pair<int, int> counts, const PictureForm& form,
                         CatalogueModel& model) {
  OCTET_ASSIGN_OR_RETURN(
      model.calibration,
      ReadPictures(absl::StrCat(stem, "_dev_calib_u8_", sizes, "_",
                                counts.first, ".npy"),
                   form));
  OCTET_ASSIGN_OR_RETURN(model.evaluation,
                         ReadPictures(absl::StrCat(stem, "_dev_eval_u8_", sizes,
                                                   "_", counts.second, ".npy"),
                                      form));
  return absl::OkStatus();
}

absl::Status AddLabels(const std::string& file, CatalogueModel& model) {
  OCTET_ASSIGN_OR_RETURN(model.labels, io::ReadLabels(InputsFolder() + file));
  return absl::OkStatus();
}

// float32 windows of 640: the first half calibrates, the second evaluates.
absl::Status AddMachineNoise(CatalogueModel& model) {
  OCTET_ASSIGN_OR_RETURN(
      const std::string bytes,
      io::ReadFile(InputsFolder() + "ad01_normal_sample.bin"));
  constexpr int64_t kWindow = 640;
  const auto windows =
      static_cast<int64_t>(bytes.size() / (kWindow * sizeof(float)));
  Tensor all(DType::kFloat32, {windows, kWindow});
  std::memcpy(all.mutable_bytes(), bytes.data(), all.byte_size());
  model.calibration = all.Rows(0, windows / 2);
  model.evaluation = all.Rows(windows / 2, windows);
  return absl::OkStatus();
}

absl::Status AddSamples(const Entry& entry, CatalogueModel& model) {
  switch (entry.samples) {
    case Samples::kImageNet:
      OCTET_RETURN_IF_ERROR(
          AddPictures("imagenet", "nhwc224", {100, 200}, entry.form, model));
      return AddLabels("imagenet_dev_eval_labels.csv", model);
    case Samples::kCifar10:
      OCTET_RETURN_IF_ERROR(
          AddPictures("cifar10", "nhwc32", {200, 1000}, entry.form, model));
      return AddLabels("cifar10_dev_eval_labels.npy", model);
    case Samples::kSpeech: {
      OCTET_ASSIGN_OR_RETURN(
          model.calibration,
          ReadSpeech("kws01_dev_calib_mfcc_i8_49x10_100.npy"));
      OCTET_ASSIGN_OR_RETURN(
          model.evaluation, ReadSpeech("kws01_dev_eval_mfcc_i8_49x10_300.npy"));
      return AddLabels("kws01_dev_eval_labels.npy", model);
    }
    case Samples::kDigits: {
      OCTET_ASSIGN_OR_RETURN(model.calibration,
                             ReadDigits("mnist_dev_calib_u8_28x28_200.npy"));
      OCTET_ASSIGN_OR_RETURN(model.evaluation,
                             ReadDigits("mnist_dev_eval_u8_28x28_1800.npy"));
      return AddLabels("mnist_dev_eval_labels.npy", model);
    }
    case Samples::kMachineNoise:
      return AddMachineNoise(model);
  }
  return absl::InternalError("no such samples");
}

}  // namespace

std::string SharedFolder() {
  const char* shared = std::getenv("OCTET_SHARED");
  return shared != nullptr ? shared
                           : absl::StrCat(OCTET_SOURCE_DIR, "/../shared");
}

std::vector<std::string> CatalogueNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kEntries) names.push_back(entry.name);
  return names;
}

std::string CataloguePath(absl::string_view name) {
  const Entry* entry = Find(name);
  return absl::StrCat(SharedFolder(), "/data/models/",
                      entry == nullptr ? name : entry->file, ".onnx");
}

absl::StatusOr<CatalogueModel> ReadCatalogueModel(absl::string_view name) {
  const Entry* entry = Find(name);
  if (entry == nullptr) {
    return absl::NotFoundError(absl::StrCat("no catalogue model ", name));
  }
  CatalogueModel model;
  model.path = CataloguePath(name);
  model.drop_first_class = entry->drop_first_class;
  OCTET_RETURN_IF_ERROR(AddSamples(*entry, model));
  return model;
}

}  // namespace octet
