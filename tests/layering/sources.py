# SPDX-License-Identifier: Apache-2.0
"""Which files belong to the project: those that git tracks or would track."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

CXX = (".h", ".cc")
TEXT = CXX + (".py", ".sh", ".proto", ".cmake", ".txt", ".md")


def tracked(root: pathlib.Path, suffixes: tuple[str, ...]) -> list[str]:
    """Paths relative to `root` that end in one of `suffixes`, sorted."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others",
         "--exclude-standard", "-z"],
        cwd=root, check=True, capture_output=True, text=True).stdout
    paths = {path for path in listing.split("\0")
             if path.endswith(suffixes) and (root / path).is_file()}
    return sorted(paths)


def read(root: pathlib.Path, path: str) -> str:
    return (root / path).read_text(encoding="utf-8")
