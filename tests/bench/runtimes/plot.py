# SPDX-License-Identifier: Apache-2.0
"""A picture of the figures of runtimes_bench.py."""

import pathlib

import matplotlib

matplotlib.use("svg")
# pylint: disable=wrong-import-position
from matplotlib import pyplot  # noqa: E402

import table  # noqa: E402


def draw(figures: dict, path: pathlib.Path) -> None:
    """Bars of how many times faster octet's int8 is, one panel for each batch
    size and number of threads."""
    groups: dict = {}
    for result in figures["results"]:
        groups.setdefault((result["batch"], result["threads"]), []).append(result)
    rows = max(len(results) for results in groups.values())
    figure, panels = pyplot.subplots(
        1,
        len(groups),
        figsize=(1 + 4 * len(groups), 1.5 + 0.42 * rows),
        squeeze=False,
        sharex=True,
    )
    for panel, ((batch, threads), results) in zip(panels[0], groups.items()):
        names = list(table.ratios(results[0]))
        height = 0.8 / len(names)
        for index, name in enumerate(names):
            panel.barh(
                [row + index * height for row in range(len(results))],
                [table.ratios(result)[name] or 0 for result in results],
                height,
                label=f"than {name}",
            )
        panel.set_yticks(
            [row + 0.4 - height / 2 for row in range(len(results))],
            [result["model"] for result in results],
            fontsize=8,
        )
        panel.invert_yaxis()
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set_title(f"batch {batch}, threads {threads}", fontsize=10)
        panel.set_xlabel("octet int8 is so many times faster")
    panels[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path)
