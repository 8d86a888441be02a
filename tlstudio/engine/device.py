"""Which device works, on how many threads, and how memory behaves meanwhile."""

import ctypes
import os
import platform
from functools import cache

import torch

from tlstudio.core.errors import DeviceError


def choose(name: str) -> torch.device:
    """The device of that name; `auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        DeviceError: it is not on this machine.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = name.partition(":")
    remedy = "Use --device auto, or cpu."
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError("there is no CUDA device that this PyTorch can use", remedy=remedy)
    if kind == "cuda" and index and not (index.isdigit() and int(index) < torch.cuda.device_count()):
        raise DeviceError(f"there is no device {name}", remedy=remedy)
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("there is no Apple GPU that this PyTorch can use", remedy=remedy)
    if kind not in ("cpu", "cuda", "mps") or (index and kind != "cuda"):
        raise DeviceError(f"there is no device {name!r}", remedy=remedy)
    return torch.device(name)


def available() -> tuple[tuple[str, str], ...]:
    """The names `choose` takes on this machine, each with what it stands for."""
    cpu = f"{len(_cores())} threads"
    found = [("cpu", cpu)]
    if torch.cuda.is_available():
        found += [(f"cuda:{i}", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append(("mps", "Apple GPU"))
    return ("auto", str(choose("auto"))), *found


def use_threads(count: int) -> int:
    """Let torch compute on `count` threads (0: one for each core there is) and say how many that makes."""
    _keep_memory()
    wanted = count or len(_cores())
    if torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)
    return wanted


def _cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


@cache
def _keep_memory() -> None:
    """Keep glibc from giving large blocks back to the system between steps: 1.3-2.8x on the CPU."""
    if platform.libc_ver()[0] != "glibc":
        return
    trim_threshold, mmap_threshold, mmap_max, arena_max = -1, -3, -4, -8
    libc = ctypes.CDLL(None)
    # A thread's own arena gives its memory back whatever the thresholds: a thousand page faults a picture.
    libc.mallopt(arena_max, 1)
    # Older glibc takes no threshold above 32 MB. Then nothing is mapped at all: with the threshold left where it is,
    # every tensor of more than 128 kB would be mapped, and given back, from now on.
    if not libc.mallopt(mmap_threshold, 1 << 30):
        libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, (1 << 31) - 1)
