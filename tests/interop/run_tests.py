# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of this folder, or those named, and ends with the total."""

import pathlib
import sys
import unittest


def main() -> int:
    here = pathlib.Path(__file__).parent
    loader = unittest.TestLoader()
    if len(sys.argv) > 1:
        suite = loader.loadTestsFromNames(sys.argv[1:])
    else:
        suite = loader.discover(str(here), pattern="*_test.py")
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
