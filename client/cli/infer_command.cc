// SPDX-License-Identifier: Apache-2.0
// octet infer: sends the rows of files to a model and reports the answers.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/class_scores.h"
#include "client/cli/command.h"
#include "client/cli/infer_report.h"
#include "client/cli/input_files.h"
#include "client/cli/picture.h"
#include "client/cli/row_requests.h"
#include "engine/base/status_macros.h"
#include "engine/io/input_files.h"
#include "engine/io/labels.h"
#include "engine/io/named_files.h"
#include "engine/io/npy.h"
#include "nlohmann/json.hpp"

namespace octet::cli {
namespace {

// Wide enough to recognise a picture, and three of them fit into 80 columns.
constexpr int kPictureColumns = 24;

struct InferFlags {
  client::ModelId model;
  std::vector<std::string> files;
  std::vector<std::string> inputs;
  RowFlags rows;
  std::string output_dir;
  std::string labels;
  std::string expected;
  int64_t top_k = -1;  // not given
  int64_t show = 6;
  bool draw = false;
  int64_t batch = 8;
  int64_t repeat = 1;
};

// Sends everything `repeat` times, one request after another; the report gets
// the last repetition's outputs.
absl::Status SendRows(const InferFlags& flags, const RowRequests& rows,
                      client::Client* client, InferReport* report) {
  std::vector<std::vector<NamedTensor>> answers;
  for (int64_t i = 0; i < flags.repeat; ++i) {
    answers.clear();
    for (const auto& request : rows.requests) {
      const absl::Time start = absl::Now();
      OCTET_ASSIGN_OR_RETURN(client::InferResult result,
                             client->Infer(flags.model, request));
      const absl::Duration elapsed = absl::Now() - start;
      report->times.push_back(elapsed);
      report->total_time += elapsed;
      report->model = std::move(result.model);
      answers.push_back(std::move(result.outputs));
    }
  }
  report->rows = rows.rows;
  report->rows_per_request = std::min(rows.rows, flags.batch);
  report->rows_sent = rows.rows * flags.repeat;
  OCTET_ASSIGN_OR_RETURN(report->outputs, JoinRows(answers));
  return absl::OkStatus();
}

absl::Status WriteOutputs(const InferFlags& flags, const InferReport& report) {
  std::error_code error;
  std::filesystem::create_directories(flags.output_dir, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--output-dir ", flags.output_dir, ": ", error.message()));
  }
  for (const NamedTensor& output : report.outputs) {
    OCTET_RETURN_IF_ERROR(io::WriteNpy(
        io::NpyPath(flags.output_dir, output.name), output.tensor));
  }
  return absl::OkStatus();
}

int TerminalColumns() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return 80;
}

// The first input of the shown rows as pictures, each above its answer.
absl::StatusOr<std::string> DrawRows(const NamedTensor& input,
                                     const InferReport& report) {
  const PictureStyle style =
      isatty(STDOUT_FILENO) && std::getenv("NO_COLOR") == nullptr
          ? PictureStyle::kColors
          : PictureStyle::kGlyphs;
  std::vector<Picture> pictures;
  for (size_t row = 0; row < report.best.size(); ++row) {
    Tensor pixels = input.tensor.Rows(row, row + 1);
    Shape shape(pixels.shape().begin() + 1, pixels.shape().end());
    OCTET_ASSIGN_OR_RETURN(
        Picture picture,
        DrawPicture(pixels.Reshaped(std::move(shape)), style, kPictureColumns));
    const int64_t answer = report.best[row][0].index;
    picture.caption =
        absl::StrCat("reads ", ClassName(report.class_names, answer));
    if (!report.expected.empty()) {
      const int64_t right = report.expected[row];
      absl::StrAppend(
          &picture.caption, answer == right ? ", right" : ", is ",
          answer == right ? "" : ClassName(report.class_names, right));
    }
    pictures.push_back(std::move(picture));
  }
  return ArrangePictures(pictures, TerminalColumns());
}

absl::Status ReadClasses(const InferFlags& flags, InferReport* report) {
  if (!flags.labels.empty()) {
    OCTET_ASSIGN_OR_RETURN(report->class_names, ReadClassNames(flags.labels));
  }
  if (!flags.expected.empty()) {
    OCTET_ASSIGN_OR_RETURN(report->expected, io::ReadLabels(flags.expected));
  }
  return absl::OkStatus();
}

absl::Status RunInfer(const InferFlags& flags, const GlobalFlags& globals) {
  InferReport report;
  OCTET_RETURN_IF_ERROR(ReadClasses(flags, &report));
  OCTET_ASSIGN_OR_RETURN(const auto client,
                         Connect(globals, absl::Seconds(60)));
  std::vector<std::string> files = flags.inputs;
  files.insert(files.end(), flags.files.begin(), flags.files.end());
  const auto ask = [&]() -> absl::StatusOr<std::vector<io::RowInput>> {
    OCTET_ASSIGN_OR_RETURN(const auto model,
                           client->ModelMetadata(flags.model));
    return RowInputs(model);
  };
  OCTET_ASSIGN_OR_RETURN(
      const auto inputs,
      io::ReadInputFiles(files, MakeRowForm(flags.rows), ask));
  OCTET_ASSIGN_OR_RETURN(const auto metadata,
                         client->ModelMetadata(flags.model));
  OCTET_ASSIGN_OR_RETURN(const RowRequests rows,
                         CutIntoRequests(metadata, inputs, flags.batch));
  OCTET_RETURN_IF_ERROR(SendRows(flags, rows, client.get(), &report));
  // Pictures carry their answers below them, so that they need no list.
  const bool listed = !flags.labels.empty() && !flags.draw;
  const int64_t top_k = flags.top_k >= 0 ? flags.top_k : (listed ? 5 : 0);
  if (top_k > 0 || flags.draw || !report.expected.empty()) {
    OCTET_RETURN_IF_ERROR(RankClasses(top_k, flags.show, &report));
  }
  if (!flags.output_dir.empty()) {
    OCTET_RETURN_IF_ERROR(WriteOutputs(flags, report));
  }
  if (globals.json) {
    std::cout << ReportAsJson(report).dump() << "\n";
    return absl::OkStatus();
  }
  if (flags.draw) {
    OCTET_ASSIGN_OR_RETURN(const std::string pictures,
                           DrawRows(inputs[0], report));
    std::cout << pictures;
  }
  std::cout << ReportAsText(report);
  return absl::OkStatus();
}

void AddAnswerFlags(CLI::App* command, InferFlags* flags) {
  command->add_option("--output-dir", flags->output_dir,
                      "Write each output to this folder as NAME.npy ('/' and "
                      "':' become '_'); not written unless given");
  command->add_option("--labels", flags->labels,
                      "Text file whose line i names class i; classes have "
                      "numbers unless given");
  command
      ->add_option("--top,--top-k", flags->top_k,
                   "Print the N best classes of the rows shown, by the first "
                   "output [5 with --labels and without --draw, else 0]")
      ->check(CLI::Range(0, 1000000))
      ->type_name("N");
  command->add_option("--expected", flags->expected,
                      "Right class of each row, a .npy file or a .csv file "
                      "with a column 'label'; counts the right answers");
  command
      ->add_option("--show", flags->show,
                   "Rows to show one by one, from the first")
      ->check(CLI::Range(0, 1000000))
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--draw", flags->draw,
                    "Draw the first input of the rows shown as pictures; rows "
                    "of shape [height, width] or [1 or 3, height, width]");
}

}  // namespace

void AddInferCommand(CLI::App* app, const GlobalFlags& globals,
                     Action* action) {
  CLI::App* command = app->add_subcommand(
      "infer", "Send rows, pictures or sounds to a model and show its answers");
  auto flags = std::make_shared<InferFlags>();
  command->add_option("MODEL", flags->model.name, "The model's name")
      ->required();
  auto* files = command->add_option(
      "FILE", flags->files,
      "Rows for a model of one input, or NAME=FILE: a .npy or .npz file whose "
      "first axis counts them, a .png, .jpg or .wav file, or a folder of such; "
      "a model that does not batch gets the rows whole");
  auto* inputs =
      command
          ->add_option("--input", flags->inputs, "The same, once for each file")
          ->type_name("[NAME=]FILE")
          ->allow_extra_args(false)
          ->take_all();
  command->add_option("--model-version", flags->model.version,
                      "Version to ask [latest]");
  command->add_option("--batch", flags->batch, "Most rows in one request")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--repeat", flags->repeat,
                   "How often to send everything, for the times")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N")
      ->capture_default_str();
  AddAnswerFlags(command, flags.get());
  AddRowFlags(command, &flags->rows);
  command->callback([flags, files, inputs, &globals, action] {
    if (files->empty() && inputs->empty()) {
      throw CLI::RequiredError("FILE or --input");
    }
    *action = [flags, &globals] { return RunInfer(*flags, globals); };
  });
}

}  // namespace octet::cli
