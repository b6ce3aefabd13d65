# SPDX-License-Identifier: Apache-2.0
"""Times octet against ONNX Runtime and OpenVINO; run.sh has the usage."""

import argparse
import datetime
import json
import os
import pathlib
import sys
import tempfile

import contenders
import models
import plot
import quantizers
import table

# The columns: what runs which file.
COLUMNS = {
    "octet fp32": (contenders.Octet, "float"),
    "octet int8": (contenders.Octet, "octet"),
    "ort fp32": (contenders.OnnxRuntime, "float"),
    "ort int8, octet's file": (contenders.OnnxRuntime, "octet"),
    "ort int8, own file": (contenders.OnnxRuntime, "onnxruntime"),
    "ov fp32": (contenders.OpenVino, "float"),
    "ov int8, octet's file": (contenders.OpenVino, "octet"),
    "ov int8, own file": (contenders.OpenVino, "nncf"),
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/runtimes/run.sh")
    parser.add_argument(
        "model", nargs="*", help="parts of models' names [all models]"
    )
    parser.add_argument("--batches", default="1,8", help="rows a run [1,8]")
    parser.add_argument("--threads", default="1,2", help="threads a run [1,2]")
    parser.add_argument(
        "--seconds",
        type=float,
        default=1,
        help="of each contender in each round [1]",
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="contenders take turns [3]"
    )
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("build/runtimes"),
        help="folder of figures.json, table.md and speed.svg [build/runtimes]",
    )
    return parser.parse_args()


def make_files(model: models.Model, folder: pathlib.Path) -> dict:
    """What each column's runtime loads, or why there is nothing."""
    files: dict = {"float": model.path}
    for name, make in (
        ("octet", lambda: quantizers.with_octet(model, folder)),
        ("onnxruntime", lambda: quantizers.with_onnxruntime(model, folder)),
        ("nncf", lambda: quantizers.with_nncf(model)),
    ):
        try:
            files[name] = make()
        except contenders.Refused as refusal:
            files[name] = refusal
    return files


def measure(
    model: models.Model,
    files: dict,
    batch: int,
    threads: int,
    flags: argparse.Namespace,
) -> dict:
    """Milliseconds of a run by column: {"min", "median"} or {"refused"}."""
    rows = model.rows(batch)
    if not model.batches:
        rows = {name: values[0] for name, values in rows.items()}
    os.sched_setaffinity(0, CPUS[-threads:])
    results: dict = {}
    running = {}
    for column, (kind, file) in COLUMNS.items():
        try:
            if isinstance(files[file], contenders.Refused):
                raise files[file]
            source = files[file]
            if file == "nncf":
                source = source.clone()
            octet = kind is contenders.Octet
            running[column] = kind(
                source,
                models.octet_rows(model, batch) if octet else rows,
                threads,
            )
        except contenders.Refused as refusal:
            results[column] = {"refused": str(refusal)}
    times: dict = {column: [] for column in running}
    for _ in range(flags.rounds):
        for column, contender in running.items():
            times[column].append(contender.measure(flags.seconds))
    for column, pairs in times.items():
        medians = sorted(median for _, median in pairs)
        results[column] = {
            "min": min(smallest for smallest, _ in pairs),
            "median": medians[len(medians) // 2],
        }
    return {column: results[column] for column in COLUMNS}


def open_copies(
    chosen: list[models.Model], folder: pathlib.Path
) -> list[models.Model]:
    """The models as other runtimes need them to run eight rows at once."""
    copies = []
    for model in chosen:
        if model.batches and model.path.parent != folder:
            path = folder / f"{model.name}.onnx"
            models.open_batch(model.path, path)
            model = models.Model(model.name, path, model.rows, True)
        copies.append(model)
    return copies


def machine() -> dict:
    figures = contenders.versions()
    figures["date"] = datetime.date.today().isoformat()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            figures["cpu"] = line.split(":", 1)[1].strip()
            break
    return figures


def save(results: list[dict], folder: pathlib.Path) -> str:
    """Writes what is there so far; returns the table."""
    figures = {"machine": machine(), "results": results}
    (folder / "figures.json").write_text(json.dumps(figures, indent=1))
    text = table.markdown(figures)
    (folder / "table.md").write_text(text)
    plot.draw(figures, folder / "speed.svg")
    return text


CPUS = sorted(os.sched_getaffinity(0))


def main() -> int:
    flags = parse_arguments()
    flags.output.mkdir(parents=True, exist_ok=True)
    results = []
    with tempfile.TemporaryDirectory(prefix="octet_runtimes_") as scratch:
        folder = pathlib.Path(scratch)
        known = models.catalogue() + models.made(folder)
        unknown = [
            part
            for part in flags.model
            if not any(part in model.name for model in known)
        ]
        if unknown:
            names = ", ".join(model.name for model in known)
            sys.exit(f"no model has {unknown[0]!r} in its name; there are {names}")
        chosen = [
            model
            for model in known
            if not flags.model or any(m in model.name for m in flags.model)
        ]
        for model in open_copies(chosen, folder):
            files = make_files(model, folder)
            for batch in map(int, flags.batches.split(",")):
                if batch > 1 and not model.batches:
                    continue
                for threads in map(int, flags.threads.split(",")):
                    if threads > len(CPUS):
                        continue
                    times = measure(model, files, batch, threads, flags)
                    results.append(
                        {
                            "model": model.name,
                            "batch": batch,
                            "threads": threads,
                            "ms": times,
                        }
                    )
                    print(table.line(results[-1]), flush=True)
            os.sched_setaffinity(0, CPUS)
            save(results, flags.output)
    print(save(results, flags.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
