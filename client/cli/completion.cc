// SPDX-License-Identifier: Apache-2.0
#include "client/cli/completion.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace octet::cli {
namespace {

// A flag as the scripts see it.
struct Flag {
  std::vector<std::string> names;  // with their dashes
  bool takes_value = false;
  std::string description;
};

std::vector<Flag> FlagsOf(const CLI::App& app) {
  std::vector<Flag> flags;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) continue;
    Flag flag;
    for (const std::string& name : option->get_snames()) {
      flag.names.push_back("-" + name);
    }
    for (const std::string& name : option->get_lnames()) {
      flag.names.push_back("--" + name);
    }
    flag.takes_value = option->get_expected_max() > 0;
    flag.description = option->get_description();
    flags.push_back(std::move(flag));
  }
  return flags;
}

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
  return app.get_subcommands(
      [](const CLI::App* command) { return !command->get_name().empty(); });
}

// All names of the flags, or of those that take a value.
std::vector<std::string> Names(const std::vector<Flag>& flags,
                               bool with_value_only) {
  std::vector<std::string> names;
  for (const Flag& flag : flags) {
    if (with_value_only && !flag.takes_value) continue;
    names.insert(names.end(), flag.names.begin(), flag.names.end());
  }
  return names;
}

// In single quotes of a shell.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// What a list of one line each has room for.
std::string FirstClause(const std::string& description) {
  const std::vector<std::string> parts =
      absl::StrSplit(description, absl::MaxSplits(absl::ByAnyChar(";:"), 1));
  return parts[0];
}

std::string CommandNames(const CLI::App& app) {
  return absl::StrJoin(CommandsOf(app), " ",
                       [](std::string* text, const CLI::App* command) {
                         absl::StrAppend(text, command->get_name());
                       });
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  const std::vector<Flag> global = FlagsOf(app);
  std::vector<std::string> value_names = Names(global, true);
  std::string cases;
  for (const CLI::App* command : CommandsOf(app)) {
    const std::vector<Flag> flags = FlagsOf(*command);
    const std::vector<std::string> names = Names(flags, true);
    value_names.insert(value_names.end(), names.begin(), names.end());
    absl::StrAppend(&cases, "    ", command->get_name(), ") words+=\" ",
                    absl::StrJoin(Names(flags, false), " "), "\" ;;\n");
  }
  std::string values = absl::StrJoin(value_names, "|");
  return absl::StrCat(
      "# Completion of octet for bash; made by `octet completion bash`.\n"
      "_octet() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} command= words word i\n"
      "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    case $word in\n"
      "      ",
      values,
      ") ((++i)) ;;\n"
      "      -*) ;;\n"
      "      *) command=$word; break ;;\n"
      "    esac\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  # The value of a flag: a file, as far as anybody knows.\n"
      "  case ${COMP_WORDS[COMP_CWORD - 1]} in\n"
      "    ",
      values,
      ") return ;;\n"
      "  esac\n"
      "  words=\"",
      absl::StrJoin(Names(global, false), " "),
      "\"\n"
      "  case $command in\n"
      "    '') [[ $current == -* ]] || words=\"",
      CommandNames(app), "\" ;;\n", cases,
      "  esac\n"
      "  if [[ -z $command || $current == -* ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
      "  fi\n"
      "}\n"
      "complete -o default -F _octet octet\n");
}

std::string ZshCompletion(const CLI::App& app) {
  const auto specs = [](const std::vector<Flag>& flags) {
    std::string text;
    for (const Flag& flag : flags) {
      const std::string description = absl::StrReplaceAll(
          FirstClause(flag.description), {{"[", "("}, {"]", ")"}});
      for (const std::string& name : flag.names) {
        absl::StrAppend(
            &text, " \\\n        ",
            Quoted(absl::StrCat("*", name, "[", description, "]",
                                flag.takes_value ? ":value:_files" : "")));
      }
    }
    return text;
  };
  const std::string global = specs(FlagsOf(app));
  std::string commands;
  std::string cases;
  for (const CLI::App* command : CommandsOf(app)) {
    absl::StrAppend(
        &commands, "    ",
        Quoted(absl::StrCat(command->get_name(), ":",
                            FirstClause(command->get_description()))),
        "\n");
    absl::StrAppend(&cases, "    ", command->get_name(), ")\n",
                    "      _arguments", specs(FlagsOf(*command)), global,
                    " \\\n        '*:file:_files'\n      ;;\n");
  }
  return absl::StrCat(
      "#compdef octet\n"
      "# Completion of octet for zsh; made by `octet completion zsh`.\n"
      "_octet() {\n"
      "  local curcontext=$curcontext state line\n"
      "  local -a commands=(\n",
      commands,
      "  )\n"
      "  _arguments -C",
      global,
      " \\\n        '1:command:->command' '*::argument:->argument'\n"
      "  case $state in\n"
      "  command) _describe command commands ;;\n"
      "  argument)\n"
      "    case $line[1] in\n",
      cases,
      "    esac ;;\n"
      "  esac\n"
      "}\n"
      "if [[ $funcstack[1] == _octet ]]; then _octet; "
      "else compdef _octet octet; fi\n");
}

std::string FishCompletion(const CLI::App& app) {
  std::string text =
      "# Completion of octet for fish; made by `octet completion fish`.\n";
  const auto add = [&text](const std::vector<Flag>& flags,
                           const std::string& condition) {
    for (const Flag& flag : flags) {
      absl::StrAppend(&text, "complete -c octet", condition);
      for (const std::string& name : flag.names) {
        const bool is_long = name.substr(0, 2) == "--";
        absl::StrAppend(&text, is_long ? " -l " : " -s ",
                        name.substr(is_long ? 2 : 1));
      }
      absl::StrAppend(&text, flag.takes_value ? " -r" : "", " -d ",
                      Quoted(FirstClause(flag.description)), "\n");
    }
  };
  add(FlagsOf(app), "");
  for (const CLI::App* command : CommandsOf(app)) {
    absl::StrAppend(&text, "complete -c octet -f -n __fish_use_subcommand -a ",
                    command->get_name(), " -d ",
                    Quoted(FirstClause(command->get_description())), "\n");
    add(FlagsOf(*command), absl::StrCat(" -n '__fish_seen_subcommand_from ",
                                        command->get_name(), "'"));
  }
  return text;
}

}  // namespace octet::cli
