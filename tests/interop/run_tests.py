# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of a folder, or those of them that are named, and ends with
the total: run_tests.py FOLDER [TEST...]"""

import pathlib
import sys
import unittest


def main() -> int:
    folder = str(pathlib.Path(sys.argv[1]).resolve())
    # What is beside this file is there for the tests of every folder.
    sys.path.insert(0, folder)
    loader = unittest.TestLoader()
    if len(sys.argv) > 2:
        suite = loader.loadTestsFromNames(sys.argv[2:])
    else:
        suite = loader.discover(folder, pattern="*_test.py")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    for test, reason in result.skipped:
        print(f"skipped: {test.id()}: {reason}")
    # A test whose sub-tests fail is one that failed.
    failed = len(
        {
            getattr(test, "test_case", test).id()
            for test, _ in result.failures + result.errors
        }
    )
    passed = max(0, result.testsRun - len(result.skipped) - failed)
    print(f"{passed} passed, {failed} failed, {len(result.skipped)} skipped")
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
