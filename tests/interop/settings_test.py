# SPDX-License-Identifier: Apache-2.0
"""Triton's client reads and changes the settings of logs and traces."""

import unittest

from protocol_test import ProtocolTestCase


class SettingsTest(ProtocolTestCase):
    def test_log_settings_are_read_and_changed(self):
        before = self.client.get_log_settings(as_json=True)["settings"]
        self.assertIn("log_verbose_level", before)
        self.client.update_log_settings({"log_verbose_level": 1})
        self.addCleanup(
            self.client.update_log_settings, {"log_verbose_level": 0}
        )
        after = self.client.get_log_settings(as_json=True)["settings"]
        self.assertEqual(after["log_verbose_level"]["uint32_param"], 1)

    def test_a_log_setting_that_is_not_known_is_refused(self):
        with self.assert_refused("INVALID_ARGUMENT", "log_nonsense"):
            self.client.update_log_settings({"log_nonsense": True})

    def test_trace_settings_are_read_and_changed(self):
        before = self.client.get_trace_settings(as_json=True)["settings"]
        self.assertIn("trace_rate", before)
        self.assertIn("trace_level", before)
        self.client.update_trace_settings(
            settings={"trace_level": ["TIMESTAMPS"], "trace_rate": "10"}
        )
        after = self.client.get_trace_settings(as_json=True)["settings"]
        self.assertEqual(after["trace_rate"]["value"], ["10"])
        self.assertEqual(after["trace_level"]["value"], ["TIMESTAMPS"])


if __name__ == "__main__":
    unittest.main()
