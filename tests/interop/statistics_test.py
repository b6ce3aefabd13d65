# SPDX-License-Identifier: Apache-2.0
"""What Triton's client reads about a server and its models: metadata,
configuration, statistics."""

import unittest

import programs
from protocol_test import MODEL, ProtocolTestCase


class ConfigurationTest(ProtocolTestCase):
    def test_configuration_is_completed_from_the_model(self):
        config = self.client.get_model_config(MODEL).config
        self.assertEqual(config.name, MODEL)
        self.assertGreater(config.max_batch_size, 0)
        self.assertEqual(config.input[0].name, programs.SAMPLE_INPUT)
        self.assertEqual(list(config.input[0].dims), [1, 32, 32])
        self.assertEqual(config.output[0].name, programs.SAMPLE_OUTPUT)
        self.assertEqual(list(config.output[0].dims), [36])
        self.assertTrue(config.HasField("dynamic_batching"))

    def test_configuration_of_an_unknown_model_is_not_found(self):
        with self.assert_refused("NOT_FOUND", "nothing"):
            self.client.get_model_config("nothing")

    def test_metadata_advertises_what_the_other_tests_use(self):
        extensions = self.client.get_server_metadata().extensions
        self.assertLessEqual(
            {
                "model_repository",
                "model_configuration",
                "statistics",
                "system_shared_memory",
                "binary_tensor_data",
            },
            set(extensions),
        )
        self.assertNotIn("cuda_shared_memory", extensions)
        self.assertNotIn("sequence", extensions)


class StatisticsTest(ProtocolTestCase):
    def statistics(self):
        answer = self.client.get_inference_statistics(MODEL)
        self.assertEqual(len(answer.model_stats), 1)
        return answer.model_stats[0]

    def test_requests_rows_and_failures_are_counted(self):
        before = self.statistics()
        for _ in range(3):
            self.infer(self.images[:4])
        with self.assert_refused("INVALID_ARGUMENT"):
            self.infer(self.images[:1, :, :31])
        after = self.statistics()
        self.assertEqual(after.name, MODEL)
        self.assertEqual(after.version, "1")
        self.assertEqual(after.inference_count - before.inference_count, 12)
        self.assertEqual(
            after.inference_stats.success.count
            - before.inference_stats.success.count,
            3,
        )
        self.assertEqual(
            after.inference_stats.fail.count
            - before.inference_stats.fail.count,
            1,
        )
        self.assertGreater(after.inference_stats.compute_infer.ns, 0)
        self.assertGreaterEqual(
            after.inference_stats.success.ns,
            after.inference_stats.compute_infer.ns,
        )
        self.assertGreater(after.last_inference, 1_600_000_000_000)

    def test_batches_are_told_apart_by_their_size(self):
        self.infer(self.images[:4])
        sizes = {stats.batch_size for stats in self.statistics().batch_stats}
        self.assertIn(4, sizes)

    def test_no_name_means_every_model(self):
        names = [
            stats.name
            for stats in self.client.get_inference_statistics().model_stats
        ]
        self.assertEqual(names, [MODEL])


if __name__ == "__main__":
    unittest.main()
