# SPDX-License-Identifier: Apache-2.0
"""Clients of gRPC's own services, health and reflection, that we did not
write; and a server that is told to stop."""

import unittest

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from google.protobuf.descriptor_pool import DescriptorPool
import tritonclient.grpc as triton

import programs
import protocol_test

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class ServicesTestCase(unittest.TestCase):
    """One server for each test: some of them end it."""

    def setUp(self):
        self.server = programs.Server()
        self.addCleanup(self.server.close)
        self.channel = grpc.insecure_channel(self.server.address)
        self.addCleanup(self.channel.close)
        self.client = triton.InferenceServerClient(self.server.address)
        self.addCleanup(self.client.close)
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def watch(self, service: str):
        """The states of a service, as they come."""
        call = self.health.Watch(
            health_pb2.HealthCheckRequest(service=service),
            timeout=programs.PATIENCE,
        )
        self.addCleanup(call.cancel)
        return (response.status for response in call)


class ReflectionTest(ServicesTestCase):
    def test_a_client_without_our_files_finds_every_service(self):
        database = ProtoReflectionDescriptorDatabase(self.channel)
        services = set(database.get_services())
        self.assertLessEqual(
            {
                "inference.GRPCInferenceService",
                "octet.v1.QuantizationService",
                "grpc.health.v1.Health",
            },
            services,
        )
        pool = DescriptorPool(database)
        service = pool.FindServiceByName("inference.GRPCInferenceService")
        method = service.methods_by_name["ModelInfer"]
        fields = method.input_type.fields_by_name
        self.assertEqual(fields["raw_input_contents"].number, 7)
        self.assertEqual(len(service.methods), 20)


class HealthTest(ServicesTestCase):
    def check(self, service: str) -> int:
        request = health_pb2.HealthCheckRequest(service=service)
        return self.health.Check(request, timeout=programs.PATIENCE).status

    def test_check_knows_the_server_its_services_and_its_models(self):
        self.assertEqual(self.check(""), SERVING)
        self.assertEqual(
            self.check("inference.GRPCInferenceService"), SERVING
        )
        self.assertEqual(self.check(protocol_test.MODEL), SERVING)
        with self.assertRaises(grpc.RpcError) as raised:
            self.check("nothing")
        self.assertEqual(
            raised.exception.code(), grpc.StatusCode.NOT_FOUND
        )

    def test_watch_of_a_model_follows_unload_and_load(self):
        states = self.watch(protocol_test.MODEL)
        self.assertEqual(next(states), SERVING)
        self.client.unload_model(protocol_test.MODEL)
        self.assertEqual(next(states), NOT_SERVING)
        self.client.load_model(protocol_test.MODEL)
        self.assertEqual(next(states), SERVING)

    def test_watch_of_an_unknown_service_says_so(self):
        self.assertEqual(next(self.watch("nothing")), SERVICE_UNKNOWN)


class DrainTest(ServicesTestCase):
    def test_sigterm_answers_what_is_under_way_and_exits_zero(self):
        states = self.watch("")
        self.assertEqual(next(states), SERVING)
        images = programs.sample_images("evaluation")[:256]
        stub = triton.service_pb2_grpc.GRPCInferenceServiceStub(self.channel)
        request = triton.service_pb2.ModelInferRequest(
            model_name=protocol_test.MODEL
        )
        request.inputs.add(
            name=programs.SAMPLE_INPUT, datatype="FP32", shape=images.shape
        )
        request.raw_input_contents.append(images.tobytes())
        answer = stub.ModelInfer.future(request, timeout=programs.PATIENCE)
        self.server.terminate()
        self.assertEqual(next(states), NOT_SERVING)
        rows = np.frombuffer(
            answer.result().raw_output_contents[0], np.float32
        )
        self.assertEqual(rows.size, 256 * 36)
        self.assertEqual(self.server.wait(), 0)


if __name__ == "__main__":
    unittest.main()
