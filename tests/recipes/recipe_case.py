# SPDX-License-Identifier: Apache-2.0
"""Runs a recipe of the READMEs on a model, and writes what octet has to give.

Needs nothing but NumPy and onnx, for the environment of each framework has its
own version of everything else."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import traceback
from typing import Callable

import numpy as np
import onnx

ROOT = pathlib.Path(__file__).resolve().parents[2]
READMES = [ROOT / "README.md", ROOT / "tests" / "recipes" / "README.md"]
BLOCK = re.compile(
    r"^<!-- recipe: (?P<name>[\w-]+) -->\n```(?P<language>python|bash)\n"
    r"(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def recipe_steps(name: str) -> list[tuple[str, str]]:
    """The (language, text) of the blocks under a recipe's name, in order."""
    steps = [
        (match["language"], match["text"])
        for readme in READMES
        for match in BLOCK.finditer(readme.read_text(encoding="utf-8"))
        if match["name"] == name
    ]
    if not steps:
        raise LookupError(f"no README has a recipe called {name}")
    return steps


def follow_recipe(name: str, variables: dict[str, object]) -> None:
    """Does what a recipe says, to the letter, in the current folder.
    `variables` are what its Python starts with, and what it adds."""
    for language, text in recipe_steps(name):
        if language == "python":
            with contextlib.redirect_stdout(sys.stderr):
                exec(compile(text, f"recipe {name}", "exec"), variables)
        else:
            subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                check=True,
                stdout=sys.stderr,
            )


def input_names() -> list[str]:
    return [value.name for value in onnx.load("model.onnx").graph.input]


def output_names() -> list[str]:
    return [value.name for value in onnx.load("model.onnx").graph.output]


def _write_tensors(prefix: str, tensors: dict[str, np.ndarray]) -> dict:
    files = {}
    for index, (name, tensor) in enumerate(tensors.items()):
        files[name] = f"{prefix}_{index}.npy"
        np.save(files[name], tensor)
    return files


def write_case(
    folder: pathlib.Path,
    recipe: str,
    make: Callable[[], tuple[dict, dict]],
    quantized: bool = False,
    batches: bool = True,
) -> None:
    """Calls `make` in a folder of its own below `folder`. It follows the
    recipe, which leaves model.onnx there, and gives the inputs and the
    framework's answers by the names in the ONNX file. What it raises is
    written down: a recipe that does not work fails its test. `batches`: whether
    octet has to see that rows are independent; it says so of others, too, where
    the exporter's way with rows lets it."""
    folder.mkdir(parents=True)
    case = {"recipe": recipe, "quantized": quantized, "batches": batches}
    with contextlib.chdir(folder):
        try:
            inputs, outputs = make()
            case["inputs"] = _write_tensors("input", inputs)
            case["outputs"] = _write_tensors("expected", outputs)
        except Exception:
            case["error"] = traceback.format_exc()
        pathlib.Path("case.json").write_text(json.dumps(case, indent=2))
    print(f"    {folder.name}", flush=True)


def quiet(framework: str) -> None:
    """Drops what frameworks say about GPUs that are not there."""
    if framework == "tensorflow":
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


# A toy task, so that classes are apart as they are in trained models: each
# class is a pattern, and a picture is a pattern in noise.
CLASSES = 10
SIDE = 16


def pictures(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures [rows, 3, SIDE, SIDE] of float32, and their classes."""
    patterns = np.random.default_rng(1).normal(size=(CLASSES, 3, SIDE, SIDE))
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=rows)
    noise = random.normal(size=(rows, 3, SIDE, SIDE))
    return (patterns[labels] + noise).astype(np.float32), labels
