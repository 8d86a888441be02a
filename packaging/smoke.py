"""Use a bundle as a person does on a machine without Python and without a network: `python packaging/smoke.py BUNDLE`.

Linux. The bundle is copied elsewhere and started where neither this checkout, its environment nor any Python can be
reached, and where there is no network but an empty one. What it does is read the way a screen reader reads it.
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import network  # noqa: E402
from tests.ui import x11  # noqa: E402
from tlstudio.engine import shapes  # noqa: E402

STARTS = 5
SECOND_START = 1.0  # seconds until the window that runs shows what a second start was given
PATIENCE = 300
DESKTOP_FILE = "io.github.tlstudio.TLStudio.desktop"
MIME = "application/x-tlstudio-model"
SYSTEM_PYTHON = "/usr/bin/python3"
INSIDE = "TLSTUDIO_SMOKE_INSIDE"
# What is named before "--" is there no more for what is named after it.
HIDE = """
empty=$1; shift
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mount --bind "$empty" "$1"; else mount --bind /dev/null "$1"; fi
    shift
done
shift
exec env -i "$@"
"""
NEEDED = {
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "strace": "strace",
    "unshare": "util-linux",
    "dbus-run-session": "dbus",
    "gio": "libglib2.0-bin",
    "update-desktop-database": "desktop-file-utils",
    "update-mime-database": "shared-mime-info",
}


class Fault(Exception):
    """The bundle does not do what it should."""


def main() -> int:
    bundle, report = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    try:
        if INSIDE in os.environ:
            report.write_text(json.dumps(_use(bundle, report.parent), indent=1), encoding="utf-8")
            return 0
        _require()
    except (Fault, TimeoutError, AssertionError, subprocess.TimeoutExpired) as error:
        print(f"smoke test: {error}", file=sys.stderr)
        return 1
    # The screen, the session and this very script go where there is no network, too.
    command = [*network.ALONE, "dbus-run-session", "--", sys.executable, __file__, str(bundle), str(report)]
    return subprocess.run(command, env={**os.environ, INSIDE: "1"}, check=False).returncode


def _require() -> None:
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    library = "import gi; gi.require_version('Atspi', '2.0')"
    if subprocess.run([SYSTEM_PYTHON, "-c", library], capture_output=True, check=False).returncode:
        missing += ["python3-pyatspi", "at-spi2-core"]
    if missing:
        raise Fault(f"it needs: sudo apt-get install {' '.join(missing)}")
    if reason := network.why_not():
        raise Fault(reason)


def _use(bundle: Path, pictures: Path) -> dict[str, Any]:
    """Everything, one after the other; returns what was measured."""
    with tempfile.TemporaryDirectory(prefix="tlstudio smoke ", ignore_cleanup_errors=True) as name:
        user = User(Path(name), bundle)
        facts: dict[str, Any] = {"place": str(user.program.parent)}
        _say("Python, the checkout and its environment are out of reach; there is no network")
        user.check_isolation()
        facts |= _command_line(user)
        with x11.screen() as screen:
            user.screen = screen
            facts |= _starts(user)
            _announce_screen_reader()
            screen["QT_LINUX_ACCESSIBILITY_ALWAYS_ON"] = "1"
            facts |= _window(user, pictures)
            facts |= _second_start(user, Path(facts["model"]))
            _crash(user)
            facts |= _association(user, Path(facts["model"]), pictures)
    return facts


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


@dataclass
class User:
    """Somebody on a plain desktop who has been handed the bundle. folder: everything of theirs lies in it."""

    folder: Path
    bundle: Path
    screen: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.program = self.folder / "on a stick" / self.bundle.name / "tlstudio"
        self.empty = self.folder / "empty"
        self.empty.mkdir()
        (self.home / "run").mkdir(parents=True, mode=0o700)
        shutil.copytree(self.bundle, self.program.parent, symlinks=True)

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "HOME": str(self.home),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_DATA_DIRS": "/usr/local/share:/usr/share",
        }
        passed = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON")
        return own | {name: value for name, value in self.screen.items() if name in passed}

    def command(self, *command: object) -> list[str]:
        """What runs a command in this person's world, without a Python and without our checkout."""
        hidden = {place for place in _hidden() if not any(other in place.parents for other in _hidden())}
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        hide = ["unshare", "--mount", "--", "sh", "-c", HIDE, "hide", str(self.empty)]
        return [*hide, *map(str, sorted(hidden)), "--", *variables, *map(str, command)]

    def run(self, *command: object) -> str:
        """Its standard output.

        Raises:
            Fault: it ended with an error.
        """
        whole = self.command(*command)
        done = subprocess.run(whole, capture_output=True, text=True, cwd=self.home, timeout=PATIENCE, check=False)
        if done.returncode:
            raise Fault(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def start(self, *command: object) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self.command(*command), cwd=self.home)

    def check_isolation(self) -> None:
        """Raises Fault if there is a Python, our checkout, or a network after all."""
        script = 'python3 -c 1 2>/dev/null; echo $?; ls -A "$1" "$2"; tail -n +3 /proc/net/dev | grep -v "^ *lo:"; true'
        seen = self.run("sh", "-c", script, "look", ROOT / "tlstudio", sys.prefix).split()
        if seen[0] == "0" or [word for word in seen[1:] if word not in (f"{ROOT}/tlstudio:", f"{sys.prefix}:")]:
            raise Fault(f"the program could still reach: {seen}")


def _hidden() -> Iterator[Path]:
    """This checkout, the environment, and every Python: the programs, and the libraries they cannot do without."""
    yield ROOT
    yield Path(sys.prefix)
    if Path(sys.base_prefix) != Path("/usr"):
        yield Path(sys.base_prefix)
    for place in ("/usr/bin", "/usr/local/bin"):
        yield from (path for path in Path(place).glob("python3*") if not path.is_symlink())
    for place in ("/usr/lib", "/usr/local/lib"):
        yield from Path(place).glob("python3*")


def _command_line(user: User) -> dict[str, Any]:
    """The whole job on the drawn sample without a window, every call that could reach a network noted."""
    version = user.run(user.program, "--version").strip()
    record = user.folder / "calls"
    job = ("demo", "--project", user.folder / "project", "--json")
    began = time.monotonic()
    lines = user.run(*network.watched(record, user.program, *job)).splitlines()
    seconds = time.monotonic() - began
    events = [json.loads(line) for line in lines]
    (finished,) = [event for event in events if event["event"] == "finished"]
    if reached := network.attempts(record):
        raise Fault(f"the command line reached for a network: {reached[:3]}")
    picture = user.folder / "new star.png"
    shapes.draw(shapes.SHAPES["star"], random.Random("smoke")).save(picture)
    answer = json.loads(user.run(user.program, "predict", finished["model"], picture, "--json"))
    if answer["label"] != "star":
        raise Fault(f"a star was called {answer['label']}")
    accuracy = finished["val_accuracy"]
    _say(f"{version}: demo trained to {accuracy:.1%} in {seconds:.0f} s, 0 calls to a network; a new star is a star")
    return {"demo_seconds": round(seconds, 1), "demo_accuracy": accuracy, "model": finished["model"], "connections": 0}


def _starts(user: User) -> dict[str, Any]:
    """From calling the program to its window on the screen, several times; torch comes after that."""
    seconds, processor = [], []
    for _ in range(STARTS):
        began = time.monotonic()
        running = user.start(user.program)
        loaded = False
        while not (window := _visible(user)):
            loaded = loaded or _has_torch(running)
            if running.poll() is not None:
                raise Fault(f"the program ended with {running.returncode} before there was a window")
            if time.monotonic() - began > PATIENCE:
                raise Fault("no window appeared")
            time.sleep(0.01)
        seconds.append(round(time.monotonic() - began, 2))
        processor.append(_processor_seconds(running))
        if loaded:
            raise Fault("torch was loaded before the window was there")
        _quit(user, running, window)
    middle, work = statistics.median(seconds), statistics.median(processor)
    _say(f"window {middle} s after the program was called (median of {seconds}; {work} s of work), before torch")
    return {"start_seconds": seconds, "start_processor_seconds": processor}


def _has_torch(running: "subprocess.Popen[bytes]") -> bool:
    return b"libtorch" in Path(f"/proc/{running.pid}/maps").read_bytes()


def _processor_seconds(running: "subprocess.Popen[bytes]") -> float:
    """What the process has used of the processor, in all its threads."""
    user, system = Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return round((int(user) + int(system)) / os.sysconf("SC_CLK_TCK"), 2)


def _visible(user: User) -> str:
    search = ["xdotool", "search", "--onlyvisible", "--name", "^TL Studio"]
    found = subprocess.run(search, env=user.screen, capture_output=True, text=True, check=False).stdout.split()
    return found[0] if found else ""


def _quit(user: User, running: "subprocess.Popen[bytes]", window: str) -> None:
    _press(user, window, "ctrl+q")
    if status := running.wait(PATIENCE):
        raise Fault(f"the program ended with {status}")


def _announce_screen_reader() -> None:
    """Tell the session that somebody reads the screen, so that programs describe theirs."""
    for call in (
        ["--print-reply", "--dest=org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus.GetAddress"],
        [
            "--dest=org.a11y.Bus",
            "/org/a11y/bus",
            "org.freedesktop.DBus.Properties.Set",
            "string:org.a11y.Status",
            "string:IsEnabled",
            "variant:boolean:true",
        ],
    ):
        subprocess.run(["dbus-send", "--session", *call], check=True, stdout=subprocess.DEVNULL)


Shown = list[dict[str, Any]]


def _read(user: User) -> Shown:
    command = [SYSTEM_PYTHON, str(ROOT / "packaging" / "screen_reader.py")]
    done = subprocess.run(command, env=user.screen, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else []


def _wait(user: User, what: str, find: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The first thing on the screen that is so, as soon as there is one."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for thing in _read(user):
            if find(thing):
                return thing
        time.sleep(0.2)
    names = [f"{thing['role']} {thing['name']!r}" for thing in _read(user) if thing["name"]]
    raise Fault(f"waited in vain for {what}. The window says: {'; '.join(names)[:3000]}")


def _press(user: User, window: str, keys: str) -> None:
    # Without --sync, which waits for ever where the window has the focus already; the pause is for the focus to arrive.
    x11.xdotool(user.screen, "windowfocus", window, "sleep", 0.3, "key", keys)


def _click(user: User, thing: dict[str, Any]) -> None:
    x, y, width, height = thing["place"]
    x11.xdotool(user.screen, "mousemove", x + width // 2, y + height // 2, "click", 1)


def _shoot(user: User, target: Path) -> None:
    from PIL import ImageGrab

    ImageGrab.grab(xdisplay=user.screen["DISPLAY"]).save(target)


def _window(user: User, pictures: Path) -> dict[str, Any]:
    """Try the sample, Train, drop a picture: by mouse and keyboard, as a person does it."""
    running = user.start(user.program)
    window = x11.window(user.screen, "^TL Studio", PATIENCE)
    try:
        _click(user, _wait(user, "the sample's button", lambda t: t["name"] == "Try the sample"))
        _wait(user, "150 pictures", lambda t: t["name"].startswith("1  Pictures: 150"))
        began = time.monotonic()
        _press(user, window, "ctrl+r")
        _wait(user, "a model", lambda t: t["name"].startswith("4  Predict") and "needs" not in t["name"])
        trained = _wait(user, "an accuracy", lambda t: t["name"].startswith("3  Training") and "%" in t["name"])
        seconds = time.monotonic() - began
        _shoot(user, pictures / "smoke-trained.png")
        _press(user, window, "ctrl+4")
        x, y, width, height = x11.geometry(user.screen, window)
        if x11.drag(user.screen, [user.folder / "new star.png"], x + width // 2, y + height // 2) != "CopyAction":
            raise Fault("the window did not take a picture that was dropped on it")
        answer = _wait(user, "an answer", lambda t: "star" in t["name"] and "%" in t["name"])
        _shoot(user, pictures / "smoke-classified.png")
        _quit(user, running, window)
    except (Fault, TimeoutError, AssertionError):
        _shoot(user, pictures / "smoke-fault.png")
        raise
    finally:
        if running.poll() is None:
            running.kill()
    said = " ".join(answer["name"].split())
    _say(f"in the window: sample trained in {seconds:.0f} s ({trained['name'].split(': ')[1]}); dropped star: {said}")
    return {"window_training_seconds": round(seconds, 1), "window_answer": said}


def _second_start(user: User, model: Path) -> dict[str, Any]:
    """Call the program with a model, then with a project, while its window is open: that window shows them."""
    running = user.start(user.program)
    # So it is called until there is a project in it.
    window = x11.window(user.screen, "^TL Studio$", PATIENCE)
    try:
        _rest(running)
        began = time.monotonic()
        user.run(user.program, model)
        handed = round(time.monotonic() - began, 2)
        _wait(user, "the model in the window that was open", lambda t: model.stem in t["name"])
        read = round(time.monotonic() - began, 2)
        began = time.monotonic()
        user.run(user.program, user.folder / "project")
        _await_project(user, window)
        shown = round(time.monotonic() - began, 2)
        windows = len(x11.xdotool(user.screen, "search", "--onlyvisible", "--name", "^TL Studio").split())
        if windows != 1:
            raise Fault(f"a second start made {windows - 1} more windows")
        if max(shown, handed) > SECOND_START:
            raise Fault(f"a second start took {handed} s to hand over its file, {shown} s until it was shown")
        _quit(user, running, window)
    finally:
        if running.poll() is None:
            running.kill()
    _say(
        f"second start: model handed over in {handed} s, read in the window after {read} s; project shown in {shown} s"
    )
    return {"second_start_seconds": {"model_handed": handed, "model_read": read, "project_shown": shown}}


def _await_project(user: User, window: str) -> None:
    end = time.monotonic() + PATIENCE
    while not x11.xdotool(user.screen, "getwindowname", window).endswith(" project"):
        if time.monotonic() > end:
            raise Fault("the window does not show the project")


def _crash(user: User) -> None:
    """Kill the program while a project is open: the next start offers to open it again."""
    crashing = user.start(user.program, user.folder / "project")
    _await_project(user, x11.window(user.screen, "^TL Studio", PATIENCE))
    _rest(crashing)
    crashing.kill()
    crashing.wait()
    running = user.start(user.program)
    try:
        window = x11.window(user.screen, "^TL Studio$", PATIENCE)
        _click(user, _wait(user, "the offer to open what was open", lambda t: t["name"] == "Open it again"))
        _await_project(user, window)
        _quit(user, running, window)
    finally:
        if running.poll() is None:
            running.kill()
    _say("killed with a project open; the next start offered it, and opened it")


def _rest(running: "subprocess.Popen[bytes]") -> None:
    """Wait until the window has loaded the engine and has nothing to do."""
    end = time.monotonic() + PATIENCE
    used = -1.0
    while not _has_torch(running) or _processor_seconds(running) > used + 0.05:
        if time.monotonic() > end:
            raise Fault("the window finds no rest")
        used = _processor_seconds(running)
        time.sleep(1)


def _association(user: User, model: Path, pictures: Path) -> dict[str, Any]:
    """Install for this user, then let the desktop find out what opens a model file, and open it."""
    user.run("sh", user.program.parent / "install.sh")
    mime = user.run("gio", "info", "--attributes=standard::content-type", model).split()[-1]
    opener = user.run("gio", "mime", MIME).splitlines()[0].split()[-1]
    if (mime, opener) != (MIME, DESKTOP_FILE):
        raise Fault(f"{model.name} is {mime}, opened by {opener}")
    shutil.rmtree(user.program.parent)  # the stick is taken away
    # The program inherits what its opener writes to, so that is nothing one waits for.
    if user.start("gio", "open", model).wait(PATIENCE):
        raise Fault(f"the desktop could not open {model.name}")
    try:
        window = x11.window(user.screen, "^TL Studio", PATIENCE)
        _wait(user, "the model", lambda t: t["name"].startswith("4  Predict") and "needs" not in t["name"])
        _wait(user, "the model's name", lambda t: model.stem in t["name"])
        _shoot(user, pictures / "smoke-opened.png")
    except (Fault, TimeoutError):
        _shoot(user, pictures / "smoke-fault.png")
        raise
    _press(user, window, "ctrl+q")
    end = time.monotonic() + PATIENCE
    while _visible(user):
        if time.monotonic() > end:
            raise Fault("the window that the desktop opened does not close")
        time.sleep(0.1)
    user.run("sh", user.home / ".local/lib/tlstudio/install.sh", "--uninstall")
    # What the program itself remembers of its user stays: that is a person's, not the installer's.
    places = [
        user.home / ".local/lib",
        user.home / ".local/bin",
        user.home / "data/applications",
        user.home / "data/mime",
    ]
    left = [str(path) for place in places for path in place.rglob("*tlstudio*")]
    if left:
        raise Fault(f"install.sh --uninstall left {left[:5]}")
    _say(f"installed without root; gio open {model.name} went through {opener} to the window; uninstalled")
    return {"opened_by": opener}


if __name__ == "__main__":
    sys.exit(main())
