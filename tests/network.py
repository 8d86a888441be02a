"""See whether a program reaches for a network: run it where there is none, and read what it asked the kernel for."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

# Sockets between programs of one machine are AF_UNIX. A name is looked up over AF_INET, after a question to the kernel
# about the machine's addresses over AF_NETLINK (NETLINK_ROUTE).
_REACHES = re.compile(
    r"\b(socket|socketpair|connect|bind|sendto|sendmsg)\(.*(AF_INET|AF_PACKET|NETLINK_ROUTE|sin6?_port)"
)
_CALLS = "trace=socket,connect,bind,sendto,sendmsg"
NEEDED = {"strace": "strace", "unshare": "util-linux"}
ALONE = ["unshare", "--map-root-user", "--net", "--"]


def require() -> None:
    """Skip where a network cannot be taken away or calls cannot be watched, saying why; in CI that is a failure."""
    if reason := why_not():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def why_not() -> str:
    """Why neither is possible here; empty if both are."""
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if missing:
        return f"needs to watch what a program asks of the network: sudo apt-get install {' '.join(missing)}"
    command = [*ALONE, "strace", "-f", "--seccomp-bpf", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"this system does not let a program be put into a network of its own: {tried.stderr.strip()[-200:]}"
    return ""


def watched(record: Path, *command: object) -> list[str]:
    """The command line that runs a command and notes every call that could reach a network."""
    watch = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "signal=none", "-e", _CALLS, "-o", str(record)]
    return [*watch, *map(str, command)]


def attempts(record: Path) -> list[str]:
    """The calls that reach for a network, as strace noted them."""
    return [line for line in record.read_text("utf-8", errors="replace").splitlines() if _REACHES.search(line)]
