# SPDX-License-Identifier: Apache-2.0
"""The include check finds what it is there to find."""

import pathlib
import unittest

import check_includes

TABLE = pathlib.Path(__file__).with_name("layers.txt")


class CheckIncludesTest(unittest.TestCase):

    def setUp(self):
        self.layers = check_includes.parse_layers(TABLE.read_text())

    def errors(self, path, header, quotes='""'):
        line = f"#include {quotes[0]}{header}{quotes[1]}\n"
        return check_includes.check(self.layers, path, line)

    def test_allows_the_layers_below(self):
        for path, header in [
            ("engine/plan/plan.cc", "engine/ir/graph.h"),
            ("engine/plan/plan.cc", "engine/plan/plan.h"),
            ("engine/engine.cc", "engine/onednn/backend.h"),
            ("server/models/model_loader.cc", "engine/engine.h"),
            ("client/cli/main.cc", "client/client.h"),
            ("client/client.cc", "proto/inference.grpc.pb.h"),
        ]:
            self.assertEqual(self.errors(path, header), [], (path, header))

    def test_refuses_the_layers_above_and_beside(self):
        for path, header in [
            ("engine/ir/graph.cc", "engine/plan/plan.h"),
            ("engine/quant/observer.cc", "engine/plan/plan.h"),
            ("engine/onednn/backend.cc", "engine/simd/backend.h"),
            ("engine/base/shape.cc", "engine/engine.h"),
            ("engine/tools/main.cc", "engine/plan/plan.h"),
            ("server/scheduler/queue.cc", "server/models/registry.h"),
            ("server/models/loader.cc", "engine/plan/plan.h"),
            ("client/client.cc", "engine/engine.h"),
            ("engine/io/npy.cc", "tests/testing/fake_clock.h"),
        ]:
            self.assertEqual(len(self.errors(path, header)), 1, (path, header))

    def test_keeps_each_library_in_its_folder(self):
        for path, header in [
            ("engine/plan/plan.cc", "oneapi/dnnl/dnnl.hpp"),
            ("engine/plan/plan.cc", "dnnl.hpp"),
            ("engine/passes/pass.cc", "onnx/onnx_pb.h"),
            ("engine/onednn/conv_step.cc", "immintrin.h"),
            ("server/api/service.cc", "prometheus/registry.h"),
            ("client/client.cc", "grpcpp/server_builder.h"),
            ("server/models/loader.cc", "grpcpp/grpcpp.h"),
            ("engine/tools/main.cc", "gtest/gtest.h"),
        ]:
            self.assertEqual(len(self.errors(path, header, "<>")), 1,
                             (path, header))
        self.assertEqual(
            self.errors("engine/onednn/a.cc", "oneapi/dnnl/dnnl.hpp"), [])
        self.assertEqual(
            self.errors("engine/simd/a_avx2.cc", "immintrin.h", "<>"), [])

    def test_names_file_line_and_rule(self):
        text = '#include <string>\n#include "engine/plan/plan.h"\n'
        errors = check_includes.check(self.layers, "engine/ir/op.cc", text)
        self.assertEqual(errors, ["engine/ir/op.cc:2: engine/plan/plan.h: "
                                  "engine/ir may include engine/base"])

    def test_refuses_a_table_it_does_not_understand(self):
        with self.assertRaises(ValueError):
            check_includes.parse_layers("permit engine: all\n")
        with self.assertRaises(ValueError):
            check_includes.parse_layers("allow engine/ir: engine/bass\n")


if __name__ == "__main__":
    unittest.main()
