# SPDX-License-Identifier: Apache-2.0
"""Callers that break HTTP/2 or gRPC's framing, byte by byte."""

import random
import socket
import struct

import h2.config
import h2.connection
import h2.errors
import h2.events

PATIENCE = 60
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
EMPTY_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
PATH = "/inference.GRPCInferenceService/ModelInfer"


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    header = struct.pack(">I", len(body))[1:] + bytes([kind, flags])
    return header + struct.pack(">I", stream) + body


def connect(address: str) -> socket.socket:
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), PATIENCE)
    connection.settimeout(PATIENCE)
    return connection


def broken_connections(rng: random.Random) -> dict[str, bytes]:
    """What is sent, by what is wrong with it: a server has to end the
    connection."""
    start = PREFACE + EMPTY_SETTINGS
    return {
        "noise instead of HTTP/2": rng.randbytes(500),
        "a frame longer than allowed": start
        + struct.pack(">I", 0xFFFFFF)[1:]
        + bytes([0, 0, 0, 0, 0, 1])
        + bytes(20000),
        "a header table entry that is not there": start
        + frame(1, 4, 1, b"\xff\xff\x7f"),
        "a settings frame of odd length": PREFACE + frame(4, 0, 0, b"12345"),
        "CONTINUATION of nothing": start + frame(9, 4, 1, b"\x82"),
    }


# What gRPC reads over; nothing may come of it.
STRAY_FRAMES = (
    PREFACE
    + EMPTY_SETTINGS
    + frame(0, 1, 7, b"DATA of a stream that was never opened")
    + frame(1, 4, 0, b"\x82")
    + frame(0xFA, 0, 0, b"of no known kind")
)


def ends_connection(address: str, data: bytes) -> bool:
    """Whether the server closes the connection over `data`, or says that it
    goes away, within PATIENCE."""
    with connect(address) as connection:
        try:
            connection.sendall(data)
            received = b""
            while True:
                piece = connection.recv(65536)
                if not piece:
                    return True
                received += piece
                if has_goaway(received):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True


def has_goaway(data: bytes) -> bool:
    at = 0
    while at + 9 <= len(data):
        length = int.from_bytes(data[at : at + 3], "big")
        if data[at + 3] == 7:
            return True
        at += 9 + length
    return False


def send_and_leave(address: str, data: bytes) -> None:
    with connect(address) as connection:
        connection.sendall(data)


class Call:
    """One gRPC call, spoken frame by frame."""

    def __init__(self, address: str):
        self._socket = connect(address)
        self._http = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True)
        )
        self._http.initiate_connection()
        self._http.send_headers(
            1,
            [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", PATH),
                (":authority", address),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
            ],
        )
        self._flush()

    def _flush(self) -> None:
        self._socket.sendall(self._http.data_to_send())

    def send(self, body: bytes, end: bool) -> None:
        """`body` must fit the windows that a connection starts with."""
        while len(body) > 16384:
            self._http.send_data(1, body[:16384])
            body = body[16384:]
        self._http.send_data(1, body, end_stream=end)
        self._flush()

    def status(self) -> int:
        """grpc-status of the answer; what a stream that was reset means to
        gRPC otherwise."""
        fields: dict[str, str] = {}
        while True:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("closed without a status")
            for event in self._http.receive_data(data):
                if isinstance(
                    event,
                    (h2.events.ResponseReceived, h2.events.TrailersReceived),
                ):
                    fields.update(
                        (decoded(name), decoded(value))
                        for name, value in event.headers
                    )
                if isinstance(event, h2.events.StreamReset):
                    fields.setdefault("grpc-status", "13")
                if isinstance(
                    event, (h2.events.StreamEnded, h2.events.StreamReset)
                ):
                    return int(fields["grpc-status"])
            self._flush()

    def reset(self) -> None:
        self._http.reset_stream(1, h2.errors.ErrorCodes.CANCEL)
        self._flush()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *unused) -> None:
        self.close()


def decoded(text: bytes | str) -> str:
    return text.decode() if isinstance(text, bytes) else text
