# SPDX-License-Identifier: Apache-2.0
"""check_image.py IMAGE.json BASE.json IMAGE-ROOT BASE-ROOT LIMIT VERSION

Compares an image with the base that it was made from: size, configuration,
programs, bill of materials. Prints the figures, exits with 1 where one is
wrong.
"""

import json
import os
import re
import sys

PROGRAM_FOLDERS = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin",
                   "usr/libexec")


def programs(root):
    found = set()
    for folder in PROGRAM_FOLDERS:
        path = os.path.join(root, folder)
        if os.path.isdir(path):
            found.update(os.listdir(path))
    return found


def installed_packages(root):
    """Names and versions that dpkg has in the file system below root."""
    with open(os.path.join(root, "var/lib/dpkg/status"),
              encoding="utf-8") as file:
        paragraphs = file.read().split("\n\n")
    packages = set()
    for paragraph in paragraphs:
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.M))
        if fields.get("Status") == "install ok installed":
            packages.add((fields["Package"], fields["Version"]))
    return packages


def check_materials(root, expect):
    path = os.path.join(root, "usr/share/doc/octet/sbom.json")
    with open(path, encoding="utf-8") as file:
        materials = json.load(file)
    expect("format of the bill of materials", "CycloneDX",
           materials["bomFormat"])
    components = {(part["name"], part["version"])
                  for part in materials["components"]}
    missing = installed_packages(root) - components
    expect("packages that the bill of materials leaves out", set(), missing)
    names = {name for name, _ in components}
    expect("compiled-in libraries that it names",
           {"octet", "onednn", "libcli11-dev", "nlohmann-json3-dev"},
           names & {"octet", "onednn", "libcli11-dev", "nlohmann-json3-dev"})
    print(f"bill of materials: {len(components)} components")


def main():
    image_file, base_file, image_root, base_root, limit, version = sys.argv[1:]
    with open(image_file, encoding="utf-8") as file:
        image = json.load(file)[0]
    with open(base_file, encoding="utf-8") as file:
        base = json.load(file)[0]
    wrong = []

    def expect(what, expected, got):
        if got != expected:
            wrong.append(f"{what}: expected {expected}, got {got}")

    beside = image["Size"] - base["Size"]
    print(f"image: {beside / 1e6:.1f} MB beside the base's "
          f"{base['Size'] / 1e6:.1f} MB")
    if beside > int(limit):
        wrong.append(f"the image has {beside} bytes beside the base's own, "
                     f"at most {limit} are allowed")
    config = image["Config"]
    labels = config.get("Labels") or {}
    expect("label version", version,
           labels.get("org.opencontainers.image.version"))
    expect("label licenses", "Apache-2.0",
           labels.get("org.opencontainers.image.licenses"))
    if not labels.get("org.opencontainers.image.revision"):
        wrong.append("the label revision is missing")
    expect("user", "10001:10001", config.get("User"))
    expect("ports", {"8001/tcp", "8002/tcp"},
           set(config.get("ExposedPorts") or {}))
    expect("stop signal", "SIGTERM", config.get("StopSignal"))
    health = image.get("Healthcheck") or {}
    expect("health check", ["CMD", "/usr/bin/octet-server", "--health"],
           health.get("Test"))
    expect("programs beside the base's", {"octet-server"},
           programs(image_root) - programs(base_root))
    check_materials(image_root, expect)
    for problem in wrong:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
