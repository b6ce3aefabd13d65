# SPDX-License-Identifier: Apache-2.0
"""Lets PyPI's torch for x86-64 Linux run without CUDA's libraries, which are
several gigabytes: cuda_stand_ins.py SITE-PACKAGES

torch is linked with them even where there is no GPU. Each that is absent is
replaced by a small library that has the symbols which torch wants, and whose
functions all end the process: nothing here computes on a GPU. Does nothing for
a torch without CUDA."""

import collections
import pathlib
import subprocess
import sys
import tempfile

# By the beginnings of their names: symbols that carry no version to tell which
# library has them.
UNVERSIONED = {
    "cuFile": "libcufile.so.0",
    "cusparseLt": "libcusparseLt.so.0",
    "curand": "libcurand.so.10",
    "nccl": "libnccl.so.2",
}


def output_of(*command: object) -> str:
    return subprocess.run(
        list(map(str, command)), check=True, capture_output=True, text=True
    ).stdout


def needed_libraries(library: pathlib.Path) -> list[str]:
    lines = output_of("readelf", "--dynamic", library).splitlines()
    return [
        line.split("[")[1].rstrip("]") for line in lines if "(NEEDED)" in line
    ]


def missing_libraries(torch: pathlib.Path) -> dict[str, str]:
    """Maps the version that symbols of an absent library carry to its name."""
    here = {
        path.name
        for folder in [torch, *torch.parent.parent.glob("nvidia/*/lib")]
        for path in folder.iterdir()
    }
    wanted = set()
    for library in torch.glob("*.so"):
        wanted |= set(needed_libraries(library)) - here
    wanted = {name for name in wanted if name.startswith(("libcu", "libnccl"))}
    # The driver's; torch looks for it at run time.
    wanted -= {"libcuda.so.1"}
    versions = {name: name for name in wanted}
    if any("nvshmem" in path.name for path in torch.glob("*.so")):
        versions["NVSHMEM"] = "libnvshmem_host.so.3"
    return versions


def wanted_symbols(
    torch: pathlib.Path, missing: dict[str, str]
) -> dict[tuple[str, str], set[str]]:
    """What torch wants of each (library, version)."""
    symbols = collections.defaultdict(set)
    for library in torch.glob("*.so"):
        for line in output_of("nm", "-D", "-u", library).splitlines():
            name, _, version = line.split()[-1].partition("@")
            if version in missing:
                symbols[missing[version], version].add(name)
            if not version:
                for start, owner in UNVERSIONED.items():
                    if name.startswith(start) and owner in missing:
                        symbols[owner, owner].add(name)
    return symbols


def make_library(path: pathlib.Path, version: str, symbols: set[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        source = pathlib.Path(scratch) / "stand_in.c"
        source.write_text(
            "".join(
                f"void {name}(void) {{ __builtin_trap(); }}\n"
                for name in sorted(symbols)
            )
        )
        script = pathlib.Path(scratch) / "versions"
        script.write_text(f"{version} {{ *; }};\n")
        flags = ["-shared", "-fPIC", f"-Wl,-soname,{path.name}"]
        flags += [f"-Wl,--version-script,{script}"]
        output_of("cc", *flags, "-w", "-o", path, source)


def main() -> int:
    torch = pathlib.Path(sys.argv[1]) / "torch" / "lib"
    missing = missing_libraries(torch)
    symbols = wanted_symbols(torch, missing)
    for version, name in sorted(missing.items()):
        make_library(torch / name, version, symbols[name, version])
    return 0


if __name__ == "__main__":
    sys.exit(main())
