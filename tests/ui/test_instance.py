"""One window for a session: second starts, messages that are none, windows that do not answer."""

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtNetwork import QLocalSocket
from PySide6.QtWidgets import QApplication

from tests.ui.world import settle, wait_for
from tlstudio import __main__ as front_door
from tlstudio.cli import cli
from tlstudio.core.project import Project
from tlstudio.ui import app, instance
from tlstudio.ui.arrivals import Arrivals
from tlstudio.ui.instance import LONGEST, Answer, Claim, Place, Request
from tlstudio.ui.rail import Step

NO_REQUESTS = (
    b"GET / HTTP/1.1\n",
    b"[]\n",
    b'{"paths": "/etc", "token": ""}\n',
    b'{"paths": ["notes.txt"], "token": ""}\n',
    b'{"paths": ["/a\\u0000b"], "token": ""}\n',
    b'{"paths": [1], "token": ""}\n',
    b"[" * 100_000 + b"\n",
    b'{"paths": [], "token": "' + b"x" * 1001 + b'"}\n',
    b"\xff\xfe\n",
    b"x" * (LONGEST + 2),
)
ROOT = Path(__file__).resolve().parents[2]
# The offscreen platform's remark on coming to the front.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def place(own_runtime) -> Place:
    """The meeting place of this test's own session."""
    found = instance.meeting_place()
    assert found is not None
    assert Path(found.server).parent == own_runtime
    return found


@pytest.fixture
def first_window(window, place):
    """A window that others hand their files to."""
    arrivals = Arrivals(window)
    claim = instance.claim(place, Request())
    assert claim is not None
    assert arrivals.listen(place.server)
    arrivals.came.connect(window.answer)
    yield window
    arrivals.close()
    claim.give_up()


def start_again(*paths: Path) -> "subprocess.CompletedProcess[str]":
    """A second start of the program, while this process' window lives on."""
    command = [sys.executable, "-m", "tlstudio", *map(str, paths)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: process.poll() is not None)
    return subprocess.CompletedProcess(command, process.returncode, *process.communicate())


def test_a_second_start_opens_its_pictures_in_the_first_window(first_window, shapes, monkeypatch):
    monkeypatch.chdir(shapes.parent)
    done = start_again(Path(shapes.name))
    assert (done.returncode, done.stderr) == (0, "")
    assert "open already" in done.stdout
    wait_for(lambda: first_window.dataset_panel._pictures)
    assert first_window.project.folder.name == shapes.name


def test_a_second_start_opens_the_project_behind_its_file_and_once_only(first_window, tmp_path):
    Project.open(tmp_path / "röd & blå").close()
    for _ in range(2):
        assert start_again(tmp_path / "röd & blå" / "project.json").returncode == 0
        wait_for(lambda: first_window.project is not None)
        settle(first_window)
    assert first_window.project.folder == tmp_path / "röd & blå"
    assert first_window.message_bar.text == ""


def test_a_second_start_without_a_path_brings_the_window_back(first_window):
    first_window.showMinimized()
    assert start_again().returncode == 0
    wait_for(lambda: not first_window.isMinimized())


def test_a_second_start_loads_neither_the_window_nor_the_command_line(place):
    code = "import sys; from tlstudio import __main__; from tlstudio.ui import instance\n"
    code += "print([m for m in ('PySide6', 'click', 'tlstudio.cli', 'tlstudio.tasks', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
    assert not any(set("./\\") & set(verb) for verb in cli.commands)  # what __main__ tells paths by


def test_what_is_given_goes_where_a_drop_on_the_page_would(window, full_window, shapes):
    loose = (shapes / "circle" / "circle 0.png",)
    before = len(window.dataset_panel._pictures)
    window.incoming.open_paths(loose)
    wait_for(lambda: "does not say of which class" in window.message_bar.text)
    assert window.step == Step.PICTURES
    window.show_step(Step.NETWORK)
    window.incoming.open_paths(loose)
    wait_for(lambda: window.step == Step.PREDICT)
    settle(window)
    assert len(window.dataset_panel._pictures) == before


def test_messages_that_are_none_are_ignored(first_window, place):
    for message in NO_REQUESTS:
        caller = QLocalSocket()
        caller.connectToServer(place.server)
        caller.write(message)
        wait_for(lambda: caller.state() == QLocalSocket.LocalSocketState.UnconnectedState)  # noqa: B023  # waits here
        assert instance.TAKEN not in caller.readAll().data(), message[:40]
    assert first_window.project is None
    assert start_again().returncode == 0


def test_only_its_owner_can_reach_the_window(first_window, place):
    assert stat.S_IMODE(Path(place.server).stat().st_mode) & 0o077 == 0


def test_without_a_safe_folder_each_start_has_a_window_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / f"tlstudio-{os.getuid()}").mkdir()
    (tmp_path / f"tlstudio-{os.getuid()}").chmod(0o777)  # anybody could listen there
    assert instance.meeting_place() is None
    assert instance.claim(None, Request()) == Claim()


def test_two_screens_do_not_mix(place, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":far away")
    assert instance.meeting_place() != place


def test_a_window_that_does_not_answer_gets_another_beside_it(place):
    claim = instance.claim(place, Request())
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hung:
        hung.bind(place.server)
        hung.listen()
        other = instance.claim(place, Request(), answers_within=0.1)
    assert other.silent
    assert other.lock is None
    claim.give_up()


def test_what_a_crash_left_on_the_disk_is_no_window(window, place):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(place.server)
    claim = instance.claim(place, Request())
    assert claim.lock is not None
    arrivals = Arrivals(window)
    assert arrivals.listen(place.server)
    assert start_again().returncode == 0
    arrivals.close()
    claim.give_up()


def test_a_window_that_cannot_listen_keeps_no_other_start_waiting(window, monkeypatch, tmp_path):
    deep = tmp_path / ("d" * 120)  # more than a socket's path may have
    deep.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    place = instance.meeting_place()
    claim = instance.claim(place, Request())
    assert claim.lock is not None
    app._receive(window, claim)
    second = instance.claim(place, Request())
    assert not second.silent
    second.give_up()


def test_a_start_waits_for_a_window_that_is_just_starting(window, place, tmp_path):
    claim = instance.claim(place, Request())
    outcome: list[Claim | None] = []
    second = threading.Thread(target=lambda: outcome.append(instance.claim(place, Request((tmp_path,), "token"))))
    second.start()
    arrivals = Arrivals(window)
    asked: list[Request] = []
    arrivals.came.connect(asked.append)
    arrivals.listen(place.server)
    wait_for(lambda: outcome)
    second.join()
    assert outcome == [None]
    assert asked == [Request((tmp_path,), "token")]
    arrivals.close()
    claim.give_up()
    assert instance.ask(place.server, Request(), 1) is Answer.NOBODY


def test_macos_brings_documents_as_events(qapp: QApplication, window, tmp_path):
    Project.open(tmp_path / "mine").close()
    qapp.file_came.connect(window.answer)
    QApplication.sendEvent(qapp, QFileOpenEvent(QUrl.fromLocalFile(str(tmp_path / "mine"))))
    wait_for(lambda: window.project is not None)
    settle(window)
    qapp.file_came.disconnect(window.answer)


def test_new_window_opens_one_whatever_runs(monkeypatch, tmp_path, capsys):
    given = []
    monkeypatch.setattr(front_door, "_window", lambda paths, own=False: given.append((paths, own)) or 0)
    assert front_door._main(["--new-window", str(tmp_path)]) == 0
    assert given == [([tmp_path], True)]
    assert front_door._main(["--new-window", str(tmp_path / "gone")]) == 2
    assert "gone is neither a file or folder" in capsys.readouterr().err
