# SPDX-License-Identifier: Apache-2.0
"""32 clients send good, cancelled, expired, oversized and malformed requests:
each good one is answered right, each other one with its own code, and queue
and memory stay within their bounds."""

import asyncio
import collections
import os
import pathlib
import random
import tempfile
import threading
import unittest

import grpc

import foreign
import observed
import offline
import programs
import raw_http2
import traffic

CLIENTS = 32
REQUESTS = int(os.environ.get("OCTET_STRESS_REQUESTS", "10000"))
SEED = int(os.environ.get("OCTET_STRESS_SEED", "20261123"))
MAX_RECEIVE_BYTES = 1 << 20
# Every client has one request at a time, so good ones never fill it.
QUEUE_ROWS = CLIENTS * traffic.MAX_ROWS
# Messages that are being read (twice while they are parsed), answers, and
# what the allocator and the sanitizers keep back.
MEMORY_SLACK = 96 << 20
SANITIZER_SLACK = 512 << 20
STATUS_OK = 0
STATUS_INVALID_ARGUMENT = 3


class Client:
    """One connection, one request after the other."""

    def __init__(self, address: str, requests: traffic.Traffic, count: int):
        self._address = address
        self._requests = requests
        self._count = count
        self.faults: list[str] = []
        self.outcomes: collections.Counter = collections.Counter()

    async def run(self) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(
            self._address, options=options
        ) as channel:
            method = channel.unary_unary(traffic.METHOD)
            for _ in range(self._count):
                await self._send(method, self._requests.next())

    async def _send(self, method, request: traffic.Request) -> None:
        call = method(request.message, timeout=request.deadline)
        if request.cancel_after is not None:
            asyncio.get_running_loop().call_later(
                request.cancel_after, call.cancel
            )
        body = None
        try:
            body = await call
            code = grpc.StatusCode.OK
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
        except grpc.aio.AioRpcError as error:
            code = error.code()
        self.outcomes[request.kind, code.name] += 1
        fault = request.fault(code, body)
        if fault is not None:
            self.faults.append(fault)


class Intruder:
    """Beside the clients, connections that break HTTP/2 or gRPC's framing,
    one after the other, until it is stopped."""

    def __init__(self, address: str, images):
        self._address = address
        request = foreign.infer_request(images[:2]).SerializeToString()
        self._message = b"\0" + len(request).to_bytes(4, "big") + request
        self._random = random.Random(SEED)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.rounds = 0
        self.faults: list[str] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._round()
                self.rounds += 1
        except Exception as error:  # told by the test
            self.faults.append(f"intruder: {error!r}")

    def _round(self) -> None:
        broken = raw_http2.broken_connections(self._random)
        for what, data in broken.items():
            if not raw_http2.ends_connection(self._address, data):
                self.faults.append(f"{what}: the connection stays open")
        refused = {
            "half a message": self._message[: len(self._message) // 2],
            "no message": b"",
            "a length of 4 GB": b"\0\xff\xff\xff\xff" + self._message[5:],
            "a length that is short": b"\0\0\0\x10\0" + self._message[5:],
        }
        raw_http2.send_and_leave(self._address, raw_http2.STRAY_FRAMES)
        for what, body in refused.items():
            with raw_http2.Call(self._address) as call:
                call.send(body, end=True)
                if (status := call.status()) != STATUS_INVALID_ARGUMENT:
                    self.faults.append(f"{what}: status {status}")
        with raw_http2.Call(self._address) as call:
            call.send(self._message[:3000], end=False)
            call.reset()
        with raw_http2.Call(self._address) as call:
            call.send(self._message[:3000], end=False)
        with raw_http2.Call(self._address) as call:
            call.send(self._message, end=True)
            if call.status() != STATUS_OK:
                self.faults.append("a good request in raw frames: refused")


class MixedRequestsTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="octet_stress_")
        cls.addClassCleanup(folder.cleanup)
        cls.images = programs.sample_images("evaluation")
        cls.version = offline.make_version(
            pathlib.Path(folder.name), "asymmetric", cls.images
        )

    def setUp(self):
        self.server = programs.Server(
            "--max-receive-bytes",
            str(MAX_RECEIVE_BYTES),
            "--queue-rows",
            str(QUEUE_ROWS),
            models={"characters/1/model.onnx": self.version.path},
        )
        self.addCleanup(self.server.close)

    def clients(self) -> list[Client]:
        return [
            Client(
                self.server.address,
                traffic.Traffic(
                    SEED + number, self.images, self.version, MAX_RECEIVE_BYTES
                ),
                REQUESTS // CLIENTS + (number < REQUESTS % CLIENTS),
            )
            for number in range(CLIENTS)
        ]

    def test_every_request_gets_what_it_deserves(self):
        before = observed.resident_bytes(self.server)
        intruder = Intruder(self.server.address, self.images)
        clients = self.clients()

        async def run():
            await asyncio.gather(*(client.run() for client in clients))

        watcher = observed.Watcher(self.server)
        intruder.start()
        try:
            asyncio.run(run())
        finally:
            intruder.stop()
            watcher.stop()
        outcomes = sum((c.outcomes for c in clients), collections.Counter())
        faults = [fault for client in clients for fault in client.faults]
        faults += intruder.faults
        summary = (
            f"seed {SEED}, {sum(outcomes.values())} requests, "
            f"{intruder.rounds} rounds of broken connections, "
            f"at most {watcher.most_queued_rows:.0f} rows waited, resident "
            f"{before >> 20} to {watcher.most_resident_bytes >> 20} MB: "
            + ", ".join(
                f"{kind} {code} {count}"
                for (kind, code), count in sorted(outcomes.items())
            )
        )
        print(f"\n{summary}")
        self.assertEqual(dict(collections.Counter(faults)), {}, summary)
        self.assertEqual(sum(outcomes.values()), REQUESTS)
        self.assertGreater(outcomes["good", "OK"], REQUESTS // 2)
        self.assertGreater(outcomes["cancelled", "CANCELLED"], 0)
        self.assertGreater(outcomes["expired", "DEADLINE_EXCEEDED"], 0)
        self.assertGreater(intruder.rounds, 0)
        self.assertGreater(watcher.readings, 0)
        self.assertLessEqual(watcher.most_queued_rows, QUEUE_ROWS)
        slack = MEMORY_SLACK
        if "OCTET_TEST_SERVER" in os.environ:
            slack = SANITIZER_SLACK
        self.assertLess(watcher.most_resident_bytes, before + slack)
        self.assert_nothing_is_left()

    def assert_nothing_is_left(self):
        """No request holds a place, and the server ends as told."""
        metrics = observed.read_metrics(self.server)
        self.assertEqual(observed.metric(metrics, "octet_queue_rows"), 0)
        self.server.terminate()
        self.assertEqual(self.server.wait(), 0)


if __name__ == "__main__":
    unittest.main()
