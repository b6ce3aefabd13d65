# SPDX-License-Identifier: Apache-2.0
"""Runs KServe's gRPC client against a server, in KServe's own environment,
and prints what it got as JSON: kserve_client.py ADDRESS MODEL INPUT IMAGES.npy

A module of its own because its protobuf classes and tritonclient's, which
have the same names, cannot live in one process.
"""

import asyncio
import json
import sys

import grpc
import kserve
import numpy as np


async def refusal(call) -> dict:
    try:
        await call
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}
    return {"code": "OK", "details": ""}


def request(
    model: str, name: str, images: np.ndarray, **options
) -> kserve.InferRequest:
    tensor = kserve.InferInput(name, list(images.shape), "FP32")
    tensor.set_data_from_numpy(images, binary_data=options.pop("raw"))
    return kserve.InferRequest(model, [tensor], **options)


async def run(address: str, model: str, name: str, images: np.ndarray) -> dict:
    async with kserve.InferenceGRPCClient(address) as client:
        raw = await client.infer(
            request(model, name, images, raw=True, request_id="k1")
        )
        typed = await client.infer(request(model, name, images, raw=False))
        many = await asyncio.gather(
            *(
                client.infer(request(model, name, images[:1], raw=True))
                for _ in range(20)
            )
        )
        return {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model_ready": await client.is_model_ready(model),
            "id": raw.id,
            "raw": raw.outputs[0].as_numpy().tolist(),
            "typed": typed.outputs[0].as_numpy().tolist(),
            "many": [one.outputs[0].as_numpy().tolist() for one in many],
            "unknown_model": await refusal(
                client.infer(request("nothing", name, images, raw=True))
            ),
            "bad_shape": await refusal(
                client.infer(request(model, name, images[:, :, :31], raw=True))
            ),
        }


def main() -> None:
    address, model, name, path = sys.argv[1:]
    print(json.dumps(asyncio.run(run(address, model, name, np.load(path)))))


if __name__ == "__main__":
    main()
