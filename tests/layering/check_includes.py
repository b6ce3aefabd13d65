#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a C++ file includes what the table in layers.txt does not allow."""

import argparse
import dataclasses
import pathlib
import re
import sys

import sources

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


@dataclasses.dataclass
class Layers:
    """The parsed table: what each folder may include, and who may a header."""

    allowed: dict[str, set[str]]
    restricted: list[tuple[re.Pattern, set[str]]]

    def folder_of(self, path: str) -> str | None:
        """The listed folder that `path` belongs to, the deepest one."""
        parts = path.split("/")[:-1]
        for length in range(len(parts), 0, -1):
            folder = "/".join(parts[:length])
            if folder in self.allowed:
                return folder
        return None

    def is_within(self, path: str, folders: set[str]) -> bool:
        """Whether `path` belongs to one of `folders`. A folder that is listed
        does not stand for the listed folders below it."""
        return self.folder_of(path) in folders or any(
            folder not in self.allowed and path.startswith(folder + "/")
            for folder in folders)


def parse_layers(text: str) -> Layers:
    layers = Layers({}, [])
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(r"(allow|only)\s+(\S+):(?:\s+(.*))?", line)
        if not match:
            raise ValueError(f"layers.txt:{number}: not understood: {line}")
        kind, subject, names = match.groups()
        names = set((names or "").split())
        if kind == "allow":
            if subject in layers.allowed:
                raise ValueError(f"layers.txt:{number}: {subject} again")
            layers.allowed[subject] = names
        else:
            layers.restricted.append((re.compile(subject), names))
    for folder, names in layers.allowed.items():
        for name in names - {"*"}:
            if name not in layers.allowed and not name.endswith(".h"):
                raise ValueError(f"layers.txt: {folder} may include {name}, "
                                 "which has no line of its own")
    return layers


def why_not(layers: Layers, path: str, header: str) -> str | None:
    """Why the file at `path` may not include `header`; None when it may."""
    for pattern, folders in layers.restricted:
        if pattern.search(header) and not layers.is_within(path, folders):
            return f"only {', '.join(sorted(folders))} may include it"
    target = layers.folder_of(header)
    if target is None:
        return None  # Not ours.
    folder = layers.folder_of(path)
    if folder is None:
        return "its own folder has no line in layers.txt"
    allowed = layers.allowed[folder]
    if target == folder or allowed & {"*", target, header}:
        return None
    return (f"{folder} may include "
            f"{', '.join(sorted(allowed)) or 'no other folder'}")


def check(layers: Layers, path: str, text: str) -> list[str]:
    errors = []
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        reason = match and why_not(layers, path, match.group(1))
        if reason:
            errors.append(f"{path}:{number}: {match.group(1)}: {reason}")
    return errors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=sources.ROOT)
    root = parser.parse_args().root
    table = root / "tests/layering/layers.txt"
    layers = parse_layers(table.read_text(encoding="utf-8"))
    files = sources.tracked(root, sources.CXX)
    errors = []
    for path in files:
        errors += check(layers, path, sources.read(root, path))
    print("\n".join(errors))
    print(f"{len(files)} files, {len(errors)} includes against the table")
    return 1 if errors or not files else 0


if __name__ == "__main__":
    sys.exit(main())
