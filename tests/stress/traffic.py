# SPDX-License-Identifier: Apache-2.0
"""Requests of every kind, good and bad, as bytes, and what each may be
answered."""

import dataclasses
import random
from typing import Callable

import grpc
import numpy as np
from tritonclient.grpc import service_pb2

import foreign
import offline

METHOD = "/inference.GRPCInferenceService/ModelInfer"
MAX_ROWS = 24
# Far more than an answer takes, seconds.
PATIENCE = 120

Code = grpc.StatusCode


@dataclasses.dataclass
class Request:
    kind: str
    message: bytes
    # The refusals that are right for it.
    codes: frozenset
    # The answer that is right for it, if it may be answered.
    answer: bytes | None = None
    # After this many seconds the caller hangs up.
    cancel_after: float | None = None
    # The caller's deadline, seconds from now.
    deadline: float = PATIENCE

    def fault(self, code: Code, body: bytes | None) -> str | None:
        """What is wrong with what came back, if anything."""
        if code is not Code.OK:
            if code in self.codes:
                return None
            return f"{self.kind}: refused with {code.name}"
        if self.answer is None:
            return f"{self.kind}: answered, it had to be refused"
        response = service_pb2.ModelInferResponse.FromString(body)
        if response.raw_output_contents[0] != self.answer:
            return f"{self.kind}: a wrong answer"
        return None


class Traffic:
    """Makes requests at random, the same ones for the same seed."""

    def __init__(
        self,
        seed: int,
        images: np.ndarray,
        version: offline.Version,
        max_receive_bytes: int,
    ):
        self._random = random.Random(seed)
        self._images = images
        self._version = version
        self._too_large = max_receive_bytes + 1
        self._kinds: list[tuple[float, Callable[[], Request]]] = [
            (60, self._good),
            (10, self._cancelled),
            (5, self._expired),
            (5, self._expiring),
            (4, self._oversized),
            (8, self._malformed_bytes),
            (8, self._malformed_fields),
        ]

    def next(self) -> Request:
        weights, makers = zip(*self._kinds)
        return self._random.choices(makers, weights)[0]()

    def _rows(self) -> list[int]:
        count = self._random.randint(1, MAX_ROWS)
        return self._random.choices(range(len(self._images)), k=count)

    def _message(self) -> tuple[service_pb2.ModelInferRequest, bytes]:
        rows = self._rows()
        request = foreign.infer_request(self._images[rows])
        return request, self._version.answers_to(rows)

    def _good(self) -> Request:
        request, answer = self._message()
        return Request(
            "good", request.SerializeToString(), frozenset(), answer
        )

    def _cancelled(self) -> Request:
        request, answer = self._message()
        return Request(
            "cancelled",
            request.SerializeToString(),
            frozenset({Code.CANCELLED}),
            answer,
            cancel_after=self._random.choice([0, 0.001, 0.005]),
        )

    def _expired(self) -> Request:
        """Its own timeout, in microseconds, is over before it arrives."""
        request, _ = self._message()
        request.parameters["timeout"].int64_param = 1
        return Request(
            "expired",
            request.SerializeToString(),
            frozenset({Code.DEADLINE_EXCEEDED}),
        )

    def _expiring(self) -> Request:
        """The caller's deadline may pass anywhere on the way.

        Where too much waits for it, the queue refuses it when it comes.
        """
        request, answer = self._message()
        return Request(
            "expiring",
            request.SerializeToString(),
            frozenset({Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED}),
            answer,
            deadline=self._random.uniform(0.001, 0.03),
        )

    def _oversized(self) -> Request:
        request = service_pb2.ModelInferRequest(model_name="characters")
        request.raw_input_contents.append(bytes(self._too_large))
        return Request(
            "oversized",
            request.SerializeToString(),
            frozenset({Code.RESOURCE_EXHAUSTED}),
        )

    def _malformed_bytes(self) -> Request:
        """Protobuf cut short, or noise: no message at all."""
        request, _ = self._message()
        message = request.SerializeToString()
        if self._random.random() < 0.5:
            message = message[: self._random.randint(20, len(message) - 1)]
        else:
            # No field has the number 0, so no noise behind it is a message.
            message = b"\x00" + self._random.randbytes(200)
        return Request("malformed bytes", message, UNREADABLE)

    def _malformed_fields(self) -> Request:
        request, _ = self._message()
        tensor = request.inputs[0]
        raw = request.raw_input_contents
        spoilers: list[Callable[[], object]] = [
            lambda: tensor.shape.__setitem__(0, -1),
            lambda: tensor.shape.__setitem__(0, 0),
            lambda: tensor.shape.__setitem__(0, 2**62),
            lambda: tensor.shape.__setitem__(2, 2**63 - 1),
            lambda: tensor.shape.append(1),
            lambda: tensor.ClearField("shape"),
            lambda: setattr(tensor, "datatype", "FP33"),
            lambda: setattr(tensor, "datatype", "BYTES"),
            lambda: setattr(tensor, "name", "pixels"),
            lambda: raw.__setitem__(0, raw[0][:-1]),
            lambda: raw.__setitem__(0, raw[0] + b"\0"),
            lambda: raw.append(b""),
            lambda: request.ClearField("raw_input_contents"),
            lambda: tensor.contents.fp32_contents.append(1),
            lambda: request.inputs.add().CopyFrom(tensor),
            lambda: setattr(request, "model_version", "-1"),
            lambda: setattr(request, "model_name", "../characters"),
            lambda: request.outputs.add(name="nothing"),
        ]
        self._random.choice(spoilers)()
        return Request(
            "malformed fields",
            request.SerializeToString(),
            frozenset({Code.INVALID_ARGUMENT}),
        )


# What bytes that are no message may be answered.
UNREADABLE = frozenset({Code.INVALID_ARGUMENT, Code.INTERNAL})
