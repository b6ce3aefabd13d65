# SPDX-License-Identifier: Apache-2.0
"""The file check finds what it is there to find."""

import pathlib
import tempfile
import unittest

import check_files


class CheckFilesTest(unittest.TestCase):

    def test_takes_paths_from_code_and_links(self):
        text = ("Start at `engine/plan/plan.{h,cc}`, then `plan.h`; run "
                "`deploy/quickstart.sh --help` or [this](tests/run.sh). "
                "Not paths: `model.onnx`, `dnnl.hpp`, `civetweb.h`, `a/b`, "
                "`octet-model run`, "
                "[site](https://example.org/x.md), `config.pbtxt`.")
        self.assertEqual(sorted(check_files.named_paths(text)),
                         ["deploy/quickstart.sh", "engine/plan/plan.cc",
                          "engine/plan/plan.h", "plan.h", "tests/run.sh"])

    def test_reports_a_path_that_is_not_there(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            (root / "engine").mkdir()
            (root / "engine/engine.h").touch()
            (root / "engine/README.md").write_text(
                "`engine.h`, `engine/engine.h`, `engine/*.h`, `engine/gone.h`")
            self.assertEqual(
                check_files.check_readme(root, "engine/README.md"),
                ["engine/README.md: engine/gone.h does not exist"])

    def test_reports_a_long_file(self):
        licence = "// SPDX-License-Identifier: Apache-2.0\n"
        self.assertEqual(
            check_files.check_text("a.cc", licence + "\n" * 799), [])
        errors = check_files.check_text("a.cc", licence + "\n" * 800)
        self.assertEqual(errors, ["a.cc: 801 lines, at most 800: split it"])

    def test_reports_a_missing_licence_line(self):
        self.assertEqual(len(check_files.check_text("a.h", "int a;\n")), 1)
        self.assertEqual(check_files.check_text("a.md", "# a\n"), [])


if __name__ == "__main__":
    unittest.main()
