"""Load torch behind a window that is already there, without the window noticing."""

import atexit
import ctypes
import gc
import importlib
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tlstudio.core.events import Event, Progress

TASK = "loading the engine"
# In this order, so that each import finds most of what it needs.
FOR_ANSWERS = ("numpy", "torch", "torchvision", "timm", "tlstudio.engine.predictor")
FOR_TRAINING = ("sklearn.metrics", "tlstudio.engine.training", "tlstudio.engine.crossvalidation")
_lock = threading.RLock()
TURN = 0.05  # seconds; a lock that is let go and taken again at once never goes to who waits for it


def load(training: bool = True) -> Generator[Event, None, None]:
    """Load everything that answers need, and then, with `training`, what only that needs; at once when it is there.

    Whoever waits to open a model gets its turn between the two.
    """
    steps = len(FOR_ANSWERS) + 1 + (len(FOR_TRAINING) + 1 if training else 0)
    yield Progress(TASK, 0, steps)
    with _lock, _no_collection():
        _open_libraries()
        yield Progress(TASK, 1, steps)
        yield from _import(FOR_ANSWERS, 1, steps)
    if training:
        time.sleep(TURN)
        with _lock, _no_collection():
            yield from _import(FOR_TRAINING, 1 + len(FOR_ANSWERS), steps)
            _make_first_optimizer()
        yield Progress(TASK, steps, steps)


def _import(modules: Sequence[str], done: int, steps: int) -> Iterator[Event]:
    for number, module in enumerate(modules, start=done + 1):
        importlib.import_module(module)
        yield Progress(TASK, number, steps)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put off what only training needs, which would take turns with whatever is done inside."""
    with _lock:
        yield


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
