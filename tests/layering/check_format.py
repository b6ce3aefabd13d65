#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when clang-format would change a C++ file; --fix changes it.

Versions of clang-format disagree in details, so only the one that the project
is formatted with counts: with another one this ends with 77, skipped."""

import argparse
import re
import subprocess
import sys

import sources

VERSION = 14
SKIPPED = 77


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clang-format", default="clang-format")
    parser.add_argument("--fix", action="store_true")
    arguments = parser.parse_args()
    banner = subprocess.run([arguments.clang_format, "--version"], check=True,
                            capture_output=True, text=True).stdout
    match = re.search(r"version (\d+)", banner)
    if not match or int(match.group(1)) != VERSION:
        print(f"Skipped: wanted clang-format {VERSION}, got {banner.strip()}")
        return SKIPPED
    files = sources.tracked(sources.ROOT, sources.CXX)
    mode = ["-i"] if arguments.fix else ["--dry-run", "--Werror"]
    result = subprocess.run([arguments.clang_format, *mode, *files],
                            cwd=sources.ROOT, check=False)
    if result.returncode:
        print("Remedy: tests/layering/check_format.py --fix")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
