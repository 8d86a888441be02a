"""Commands in processes of their own that need not load torch: forked from one that has loaded it (`WarmProcess`).

Loading torch, torchvision and timm takes some five seconds of processor time, and the suite runs the command line
dozens of times. Only other people's packages are loaded ahead: a command finds ours, and ends, as in a fresh
interpreter. Linux only; elsewhere forking such a process is not safe.
"""

import gc
import json
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

LOADED_AHEAD = (
    *("numpy", "PIL.Image", "scipy.optimize", "sklearn.metrics", "safetensors.torch"),
    *("torch", "torchvision", "timm"),
)


class WarmProcess:
    """The process that has loaded everything; `run` forks a command from it and waits for that."""

    def __init__(self, environment: dict[str, str]) -> None:
        # torch reads OMP_WAIT_POLICY when it is loaded; the engine would have set it before.
        given = {**environment, "OMP_WAIT_POLICY": "PASSIVE"}
        command = [sys.executable, "-P", __file__]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=given, cwd="/"
        )

    def run(self, arguments: list[str], environment: dict[str, str], folder: Path) -> tuple[int, str, str]:
        """`python -m tlstudio arguments` in that folder and environment; its exit status, stdout and stderr."""
        asked, answered = self._process.stdin, self._process.stdout
        assert asked and answered
        with tempfile.TemporaryDirectory() as place:
            out, err = Path(place, "out"), Path(place, "err")
            asked.write(json.dumps([arguments, environment, str(folder), str(out), str(err)]) + "\n")
            asked.flush()
            return int(answered.readline()), out.read_text(), err.read_text()

    def close(self) -> None:
        self._process.communicate()


def serve() -> list[str] | None:
    """Fork for each line that comes. Returns in each child, with its arguments; and at the end of input, None."""
    for line in sys.stdin:
        arguments, environment, folder, out, err = json.loads(line)
        child = os.fork()
        if not child:
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(folder)
            for number, name, mode in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
                os.dup2(os.open(name, mode | os.O_CREAT | os.O_TRUNC), number)
            sys.path.insert(0, folder)
            return arguments
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


if __name__ == "__main__":
    for name in LOADED_AHEAD:
        __import__(name)
    gc.collect()
    gc.freeze()
    given = serve()
    if given is None:
        os._exit(0)
    sys.argv = ["tlstudio", *given]
    runpy.run_module("tlstudio", run_name="__main__", alter_sys=True)
