# SPDX-License-Identifier: Apache-2.0
"""What a server says about itself while it is under load."""

import pathlib
import re
import threading
import urllib.request

import programs

INTERVAL = 0.2


def metric(text: str, name: str) -> float:
    """The sum of a metric over its labels."""
    values = re.findall(
        rf"^{re.escape(name)}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE
    )
    return sum(map(float, values))


def read_metrics(server: programs.Server) -> str:
    with urllib.request.urlopen(
        f"{server.http}/metrics", timeout=programs.PATIENCE
    ) as response:
        return response.read().decode()


def resident_bytes(server: programs.Server) -> int:
    text = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) * 1024


class Watcher:
    """Reads /metrics and the resident memory again and again, and keeps the
    highest values; stop() raises what went wrong with that."""

    def __init__(self, server: programs.Server):
        self.most_queued_rows = 0.0
        self.most_resident_bytes = 0
        self.readings = 0
        self._server = server
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.wait(INTERVAL):
                queued = metric(read_metrics(self._server), "octet_queue_rows")
                resident = resident_bytes(self._server)
                self.most_queued_rows = max(self.most_queued_rows, queued)
                self.most_resident_bytes = max(
                    self.most_resident_bytes, resident
                )
                self.readings += 1
        except Exception as error:  # it is raised by stop()
            self._error = error

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
