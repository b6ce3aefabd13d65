# SPDX-License-Identifier: Apache-2.0
"""Figures of runtimes_bench.py as text."""

import math

OTHERS = {
    "ONNX Runtime": ("ort int8, octet's file", "ort int8, own file"),
    "OpenVINO": ("ov int8, octet's file", "ov int8, own file"),
}


def smallest(times: dict, *columns: str) -> float | None:
    """The least milliseconds of some columns, of those that ran."""
    found = [times[c]["min"] for c in columns if "min" in times.get(c, {})]
    return min(found, default=None)


def ratios(result: dict) -> dict[str, float | None]:
    """How many times faster octet's int8 is than others' best int8 and than
    octet's own float: by minima."""
    times = result["ms"]
    ours = smallest(times, "octet int8")
    found = {name: smallest(times, *columns) for name, columns in OTHERS.items()}
    found["own float"] = smallest(times, "octet fp32")
    return {
        name: other / ours if ours and other else None
        for name, other in found.items()
    }


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def line(result: dict) -> str:
    times = {
        column: (
            f"{figures['min']:.3f}/{figures['median']:.3f}"
            if "min" in figures
            else "refused"
        )
        for column, figures in result["ms"].items()
    }
    shown = ", ".join(f"{column} {text}" for column, text in times.items())
    return (
        f"{result['model']}, batch {result['batch']}, "
        f"{result['threads']} thread(s): {shown}"
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return math.exp(sum(map(math.log, known)) / len(known))


def markdown(figures: dict) -> str:
    """One table for each batch size and number of threads, with geometric
    means."""
    about = figures["machine"]
    lines = [
        "Milliseconds of a run of the whole batch, minimum/median; ratios by "
        "minima, against the better of the two int8 files of each runtime.",
        "",
        ", ".join(f"{key} {value}" for key, value in about.items()),
    ]
    groups: dict = {}
    for result in figures["results"]:
        groups.setdefault((result["batch"], result["threads"]), []).append(result)
    for (batch, threads), results in groups.items():
        columns = list(results[0]["ms"])
        names = list(ratios(results[0]))
        lines += [
            "",
            f"Batch {batch}, threads {threads}:",
            "",
            "| model | "
            + " | ".join(columns)
            + " | "
            + " | ".join(f"x {name}" for name in names)
            + " |",
            "|---" * (1 + len(columns) + len(names)) + "|",
        ]
        for result in results:
            cells = [
                (
                    f"{f['min']:.3f}/{f['median']:.3f}" if "min" in f else "-"
                )
                for f in result["ms"].values()
            ]
            cells += [_number(ratio) for ratio in ratios(result).values()]
            lines.append(f"| {result['model']} | " + " | ".join(cells) + " |")
        means = [
            _number(_mean([ratios(result)[name] for result in results]))
            for name in names
        ]
        lines.append(
            "| geometric mean |" + " |" * len(columns) + " " + " | ".join(means) + " |"
        )
    refused = {
        f"* {result['model']}, {column}: {f['refused']}"
        for result in figures["results"]
        for column, f in result["ms"].items()
        if "refused" in f
    }
    if refused:
        lines += ["", "Not run, in the words of who refused:", "", *sorted(refused)]
    return "\n".join(lines) + "\n"
