# SPDX-License-Identifier: Apache-2.0
"""The report's page in headless Chromium: nothing runs over its width, no
error is logged, both color schemes are there, and no name becomes markup."""

import functools
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

BIN = pathlib.Path(os.environ["OCTET_BIN_DIR"])
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGES = ("plain", "hostile", "small")
WIDTHS = (320, 360, 768, 1280)

# Shows a page in frames of several widths, and tells what came of it.
HARNESS = """<!DOCTYPE html><meta charset="utf-8"><pre id="told"></pre><script>
const page = new URLSearchParams(location.search).get("page");
const widths = %s;
async function look(width) {
  const frame = document.createElement("iframe");
  frame.style.cssText = `width:${width}px;height:800px;border:0`;
  frame.src = page;
  await new Promise((done) => {
    frame.onload = done;
    document.body.append(frame);
  });
  const view = frame.contentWindow, root = frame.contentDocument;
  for (const part of root.querySelectorAll("details")) part.open = true;
  const told = {
    width,
    overflow: root.documentElement.scrollWidth - width,
    injected: view.injected ?? null,
    scripts: root.scripts.length,
    images: root.images.length,
    background: view.getComputedStyle(root.body).backgroundColor,
    ink: view.getComputedStyle(root.body).color,
    verdict: root.querySelector(".verdict p").textContent,
    loaded: view.performance.getEntriesByType("resource").length,
  };
  const table = root.querySelector("table.sorts");
  if (table) {
    const head = [...table.tHead.rows[0].cells].findIndex(
        (cell) => cell.textContent === "SQNR");
    const column = () => [...table.tBodies[0].rows].map(
        (row) => Number(row.cells[head].dataset.v));
    table.tHead.rows[0].cells[head].querySelector("button").click();
    told.rising = column();
    table.tHead.rows[0].cells[head].querySelector("button").click();
    told.falling = column();
  }
  return told;
}
(async () => {
  const told = [];
  for (const width of widths) told.push(await look(width));
  document.getElementById("told").textContent = JSON.stringify(told);
})();
</script>""" % json.dumps(WIDTHS)


def luminance(color: str) -> float:
    """Relative luminance of "rgb(r, g, b)", as WCAG 2.1 defines it."""
    linear = []
    for part in re.findall(r"\d+", color)[:3]:
        share = int(part) / 255
        linear.append(
            share / 12.92
            if share <= 0.04045
            else ((share + 0.055) / 1.055) ** 2.4
        )
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@unittest.skipIf(CHROMIUM is None, "chromium is not installed")
class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="octet_report_"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        subprocess.run(
            [BIN / "octet_write_report", cls.folder], check=True, timeout=60
        )
        (cls.folder / "harness.html").write_text(HARNESS)
        handler = functools.partial(Quiet, directory=cls.folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        cls.address = f"http://127.0.0.1:{server.server_port}"
        cls.seen = {}

    def look(self, page: str, scheme: str):
        """What the harness tells of `page`, and what was logged."""
        if (page, scheme) not in self.seen:
            run = subprocess.run(
                [
                    CHROMIUM,
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--no-first-run",
                    "--enable-logging=stderr",
                    f"--user-data-dir={self.folder}/{page}-{scheme}",
                    "--blink-settings=preferredColorScheme="
                    + ("0" if scheme == "dark" else "1"),
                    "--virtual-time-budget=20000",
                    "--timeout=60000",
                    "--dump-dom",
                    f"{self.address}/harness.html?page={page}.html",
                ],
                capture_output=True,
                text=True,
                timeout=180,
                check=True,
            )
            told = re.search(r'<pre id="told">(.*?)</pre>', run.stdout, re.S)
            self.assertTrue(told and told[1], run.stdout[-500:] + run.stderr)
            text = told[1].replace("&lt;", "<").replace("&gt;", ">")
            logged = [l for l in run.stderr.splitlines() if "CONSOLE" in l]
            self.seen[page, scheme] = (
                json.loads(text.replace("&amp;", "&")),
                logged,
            )
        return self.seen[page, scheme]

    def test_nothing_runs_over_the_width(self):
        for page in PAGES:
            for frame in self.look(page, "light")[0]:
                with self.subTest(page=page, width=frame["width"]):
                    self.assertLessEqual(frame["overflow"], 0)

    def test_nothing_is_logged(self):
        for page in PAGES:
            for scheme in ("light", "dark"):
                with self.subTest(page=page, scheme=scheme):
                    self.assertEqual(self.look(page, scheme)[1], [])

    def test_no_name_becomes_markup(self):
        for frame in self.look("hostile", "light")[0]:
            self.assertIsNone(frame["injected"])
            self.assertEqual(frame["scripts"], 1)
            self.assertEqual(frame["images"], 0)

    def test_loads_nothing(self):
        for page in PAGES:
            for frame in self.look(page, "light")[0]:
                self.assertEqual(frame["loaded"], 0)

    def test_follows_the_color_scheme_and_stays_readable(self):
        for page in PAGES:
            light = self.look(page, "light")[0][0]
            dark = self.look(page, "dark")[0][0]
            self.assertGreater(luminance(light["background"]), 0.8)
            self.assertLess(luminance(dark["background"]), 0.05)
            for frame in (light, dark):
                shades = sorted(
                    luminance(frame[part]) for part in ("background", "ink")
                )
                # WCAG's bar for text is 4.5.
                self.assertGreater((shades[1] + 0.05) / (shades[0] + 0.05), 7)

    def test_the_verdict_is_a_sentence(self):
        self.assertRegex(
            self.look("plain", "light")[0][0]["verdict"], r"^Keep it: .*\.$"
        )
        self.assertRegex(
            self.look("hostile", "light")[0][0]["verdict"], "^Don't use it: "
        )

    def test_a_click_on_a_heading_sorts(self):
        for page in ("plain", "hostile"):
            frame = self.look(page, "light")[0][0]
            self.assertEqual(frame["rising"], sorted(frame["rising"]))
            self.assertEqual(
                frame["falling"], sorted(frame["rising"], reverse=True)
            )
            self.assertNotEqual(frame["rising"], frame["falling"])


if __name__ == "__main__":
    unittest.main()
