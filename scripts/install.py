"""Installs one hashed lock into the virtual environment that runs this, with the standard library only.

uv does it in a third of pip's time, so pip first brings the uv that `requirements/setup.txt` pins. uv does not
read pip's configuration (index, certificates, proxy); it is translated here. Where uv cannot be had or cannot
cope, pip does the work itself.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

SETUP_LOCK = Path("requirements/setup.txt")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
FROM_PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
}
SEPARATED_BY_COMMAS = {"UV_FIND_LINKS"}


def run(command: list[str], **settings: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command of this file, without a shell."""
    return subprocess.run(command, text=True, check=False, **settings)


def pip_settings() -> dict[str, str]:
    """Return pip's own settings for installing; later lines (install over global, environment over file) win."""
    listing = run([*PIP, "config", "list"], capture_output=True).stdout
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        if match := re.fullmatch(r"(global|install|:env:)\.([\w-]+)='(.*)'", line):
            found[match[1]][match[2]] = match[3].replace("\\n", " ")
    return found["global"] | found["install"] | found[":env:"]


def uv_environment() -> dict[str, str]:
    """Return the environment under which uv finds what pip would find; what is set for uv itself stays."""
    environment = dict(os.environ)
    for name, value in pip_settings().items():
        variable = FROM_PIP_TO_UV.get(name)
        if variable and not environment.get(variable):
            words = value.split()
            environment[variable] = (",".join if variable in SEPARATED_BY_COMMAS else " ".join)(words)
    # Every file is pinned by its hash, so that it does not matter which index it comes from.
    environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    environment.setdefault("UV_NO_CONFIG", "1")
    return environment


def bring_uv() -> bool:
    """Have pip install the pinned uv, and say whether that worked."""
    wanted = re.search(r"^uv==([\w.]+)", SETUP_LOCK.read_text(), re.MULTILINE)
    present = run([sys.executable, "-m", "uv", "--version"], capture_output=True)
    if wanted and present.returncode == 0 and present.stdout.split()[1] == wanted[1]:
        return True
    command = [*PIP, "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(SETUP_LOCK)]
    return run(command, capture_output=True).returncode == 0


def install(lock: str) -> int:
    """Install the lock and return an exit code."""
    print(f"Installing {lock}", file=sys.stderr)
    if bring_uv():
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
        command += ["--require-hashes", "--compile-bytecode", "-r", lock]
        by_uv = run(command, env=uv_environment(), capture_output=True)
        if by_uv.returncode == 0:
            return 0
        print("uv could not install it; pip tries. uv said:", by_uv.stderr.strip(), sep="\n", file=sys.stderr)
    return run([*PIP, "install", "--quiet", "--require-hashes", "-r", lock]).returncode


if __name__ == "__main__":
    code = install(sys.argv[1])
    if code != 0:
        print(
            f"{sys.argv[1]} could not be installed; the lines above say why. Is there a network to the package "
            "index, and space on the disk? Then run the same command again: it goes on where it stopped.",
            file=sys.stderr,
        )
    sys.exit(code)
