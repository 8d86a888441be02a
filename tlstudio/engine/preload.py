"""Load torch behind a window that is already there, without the window noticing."""

import atexit
import ctypes
import gc
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from tlstudio.core.events import Event, Progress

TASK = "loading the engine"
# In this order, so that each import finds most of what it needs.
MODULES = (
    "numpy",
    "torch",
    "torchvision",
    "timm",
    "sklearn.metrics",
    "tlstudio.engine.training",
    "tlstudio.engine.predictor",
)
_lock = threading.Lock()


def load() -> Generator[Event, None, None]:
    """Load everything training and prediction need; at once when it is there already."""
    steps = len(MODULES) + 2
    yield Progress(TASK, 0, steps)
    with _lock, _no_collection():
        _open_libraries()
        yield Progress(TASK, 1, steps)
        for number, module in enumerate(MODULES, start=2):
            importlib.import_module(module)
            yield Progress(TASK, number, steps)
        _make_first_optimizer()
    yield Progress(TASK, steps, steps)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's garbage collector from looking through the half million objects that these imports make.

    Each of its full rounds holds every thread, up to a quarter of a second towards the end. What is loaded stays
    loaded, so it is never looked through again either: that shortens every later round.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        atexit.register(gc.unfreeze)  # or libraries that clean up with the collector's help complain of leaks
        if was_on:
            gc.enable()


def _open_libraries() -> None:
    """Map torch's libraries through `dlopen` called as a foreign function, which releases the interpreter lock.

    `import torch` maps them too, but holds the lock for the second that takes. Best effort: what cannot be opened here
    is opened, or complained about, by the import.
    """
    spec = None if "torch" in sys.modules else importlib.util.find_spec("torch")
    if spec is None or spec.origin is None or os.name == "nt":
        return
    suffix = "dylib" if sys.platform == "darwin" else "so"
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for name, mode in (("torch_global_deps", ctypes.RTLD_GLOBAL), ("torch_python", ctypes.RTLD_LOCAL)):
        library = Path(spec.origin).parent / "lib" / f"lib{name}.{suffix}"
        if library.is_file():
            dlopen(os.fsencode(library), os.RTLD_NOW | mode)


def _make_first_optimizer() -> None:
    """The first optimizer of a process imports some 900 modules more: not after the click on Train."""
    import torch

    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
