#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a file is too long, lacks its licence line, or a README names a
path that does not exist."""

import pathlib
import re
import sys

import check_includes
import sources

MAX_LINES = 800
TOP_LEVEL = ("proto/", "server/", "engine/", "client/", "deploy/", "tests/",
             ".ci/")
OWN_SUFFIXES = (".h", ".cc", ".sh", ".py", ".proto", ".cmake", ".md")
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)")
BRACES = re.compile(r"\{([^{}]*)\}")


def expand_braces(text: str) -> list[str]:
    """`a.{h,cc}` as ["a.h", "a.cc"], as a shell would."""
    match = BRACES.search(text)
    if not match:
        return [text]
    return [path for choice in match.group(1).split(",")
            for path in expand_braces(
                text[:match.start()] + choice + text[match.end():])]


def is_library_header(word: str) -> bool:
    """Whether `word` is a header of one of the libraries in layers.txt."""
    table = sources.read(sources.ROOT, "tests/layering/layers.txt")
    return any(pattern.search(word) for pattern, _ in
               check_includes.parse_layers(table).restricted)


def named_paths(text: str) -> list[str]:
    """What a README presents as a path of the repository."""
    paths = [link for link in LINK.findall(text) if "://" not in link]
    for code in CODE.findall(text):
        word = code.split()[0] if code.split() else ""
        word = word.removeprefix("./").replace("NAME", "*")
        if not re.fullmatch(r"[A-Za-z0-9_.,{}*/-]+", word):
            continue
        first = expand_braces(word)[0]
        if word.startswith(TOP_LEVEL) or (first.endswith(OWN_SUFFIXES) and
                                          not is_library_header(first)):
            paths.append(word)
    return [path for word in paths for path in expand_braces(word)]


def exists(root: pathlib.Path, folder: pathlib.Path, path: str) -> bool:
    if path.startswith("../shared"):
        return True  # Beside the repository, and not part of it.
    for base in (root, folder):
        if "*" in path:
            if any(base.glob(path)):
                return True
        elif (base / path).exists():
            return True
    return False


def check_readme(root: pathlib.Path, readme: str) -> list[str]:
    folder = (root / readme).parent
    return [f"{readme}: {path} does not exist"
            for path in named_paths(sources.read(root, readme))
            if not exists(root, folder, path)]


def check_text(path: str, text: str) -> list[str]:
    errors = []
    count = text.count("\n")
    if count > MAX_LINES:
        errors.append(f"{path}: {count} lines, at most {MAX_LINES}: split it")
    if (path.endswith(sources.CXX + (".py", ".sh", ".proto"))
            and "SPDX-License-Identifier: Apache-2.0" not in text[:300]):
        errors.append(f"{path}: no SPDX-License-Identifier line at its top")
    return errors


def main() -> int:
    root = sources.ROOT
    files = sources.tracked(root, sources.TEXT)
    errors = []
    for path in files:
        errors += check_text(path, sources.read(root, path))
        if pathlib.PurePath(path).name == "README.md":
            errors += check_readme(root, path)
    print("\n".join(errors))
    print(f"{len(files)} files, {len(errors)} errors")
    return 1 if errors or not files else 0


if __name__ == "__main__":
    sys.exit(main())
