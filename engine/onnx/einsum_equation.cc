// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/einsum_equation.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status_macros.h"

namespace octet::onnx {
namespace {

constexpr EinsumLabel kLetters = 52;

EinsumLabel LabelOf(char letter) {
  return absl::ascii_isupper(letter) ? letter - 'A' : 26 + (letter - 'a');
}

// Letters with at most one ellipsis among them.
struct Term {
  std::vector<EinsumLabel> before;
  bool has_ellipsis = false;
  std::vector<EinsumLabel> behind;

  size_t letters() const { return before.size() + behind.size(); }
  std::vector<EinsumLabel> Labels(size_t ellipsis_axes) const {
    std::vector<EinsumLabel> labels = before;
    for (size_t i = ellipsis_axes; i-- > 0;) {
      labels.push_back(kLetters + static_cast<EinsumLabel>(i));
    }
    labels.insert(labels.end(), behind.begin(), behind.end());
    return labels;
  }
};

absl::Status Malformed(absl::string_view equation, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("the equation '", equation, "' ", why));
}

absl::StatusOr<Term> ParseTerm(absl::string_view equation,
                               absl::string_view text) {
  Term term;
  for (size_t i = 0; i < text.size(); ++i) {
    if (absl::ascii_isalpha(text[i])) {
      (term.has_ellipsis ? term.behind : term.before)
          .push_back(LabelOf(text[i]));
    } else if (text.substr(i, 3) == "..." && !term.has_ellipsis) {
      term.has_ellipsis = true;
      i += 2;
    } else {
      return Malformed(equation,
                       "has a term that is not letters and one ellipsis");
    }
  }
  return term;
}

// The output where the equation gives none.
std::vector<EinsumLabel> ImplicitOutput(const EinsumEquation& equation,
                                        size_t ellipsis_axes) {
  std::vector<int> uses(kLetters, 0);
  for (const auto& labels : equation.inputs) {
    for (EinsumLabel label : labels) {
      if (label < kLetters) ++uses[label];
    }
  }
  std::vector<EinsumLabel> output = Term().Labels(ellipsis_axes);
  for (EinsumLabel label = 0; label < kLetters; ++label) {
    if (uses[label] == 1) output.push_back(label);
  }
  return output;
}

absl::Status ExpectOutput(absl::string_view text,
                          const EinsumEquation& equation) {
  std::vector<EinsumLabel> sorted = equation.output;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return Malformed(text, "has a label twice in its output");
  }
  for (EinsumLabel label : equation.output) {
    const bool known = std::any_of(
        equation.inputs.begin(), equation.inputs.end(),
        [label](const auto& labels) {
          return std::find(labels.begin(), labels.end(), label) != labels.end();
        });
    if (!known) return Malformed(text, "has an output label of no input");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EinsumEquation> ParseEinsum(absl::string_view equation,
                                           absl::Span<const size_t> ranks) {
  std::string text(equation);
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  absl::string_view left = text;
  std::optional<absl::string_view> right;
  if (const size_t arrow = left.find("->"); arrow != left.npos) {
    right = left.substr(arrow + 2);
    left = left.substr(0, arrow);
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(left, ',');
  if (parts.size() != ranks.size()) {
    return Malformed(equation, absl::StrCat("has ", parts.size(),
                                            " terms; expected one for each of ",
                                            ranks.size(), " inputs"));
  }
  EinsumEquation result;
  size_t ellipsis_axes = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    OCTET_ASSIGN_OR_RETURN(const Term term, ParseTerm(equation, parts[i]));
    if (term.letters() > ranks[i] ||
        (!term.has_ellipsis && term.letters() != ranks[i])) {
      return Malformed(equation,
                       absl::StrCat("gives input ", i, " ", term.letters(),
                                    " letters for ", ranks[i], " axes"));
    }
    ellipsis_axes = std::max(ellipsis_axes, ranks[i] - term.letters());
    result.inputs.push_back(term.Labels(ranks[i] - term.letters()));
  }
  if (!right.has_value()) {
    result.output = ImplicitOutput(result, ellipsis_axes);
    return result;
  }
  OCTET_ASSIGN_OR_RETURN(const Term output, ParseTerm(equation, *right));
  if (ellipsis_axes > 0 && !output.has_ellipsis) {
    return Malformed(equation, "has an ellipsis that its output leaves out");
  }
  result.output = output.Labels(ellipsis_axes);
  OCTET_RETURN_IF_ERROR(ExpectOutput(equation, result));
  return result;
}

}  // namespace octet::onnx
