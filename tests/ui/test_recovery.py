"""Crashes and faults: what a window that died leaves, what the next one offers, what an exception in a slot does."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from tests.ui.world import settle, wait_for
from tlstudio.core.events import PhaseStarted, RunResumed, RunStarted
from tlstudio.core.project import Project, runs_in
from tlstudio.core.recipe import make_recipe
from tlstudio.core.run import CHECKPOINT_FACTS, RunFolder
from tlstudio.ui import crash
from tlstudio.ui.crash import Doing, Session
from tlstudio.ui.rail import Step
from tlstudio.ui.recovery import Faults, Recovery

ROOT = Path(__file__).resolve().parents[2]
# A window that trains until its third epoch, and is then killed as by the system.
DIE_TRAINING = """
import os, signal, sys
from pathlib import Path
from PySide6.QtCore import QObject, Slot
from tlstudio.core import events
from tlstudio.ui import app
from tlstudio.ui.crash import Session, sessions_folder
from tlstudio.ui.main_window import MainWindow
from tlstudio.ui.preferences import Preferences
from tlstudio.ui.recovery import Faults, Recovery
from tlstudio.ui.theme import Theme

class Killer(QObject):
    @Slot(object)
    def start(self, _found):
        if window.menus.train.isEnabled():
            window.train()

    @Slot(str)
    def watch(self, _run):
        window.training_panel.control.reported.connect(self.count)

    @Slot(object)
    def count(self, event):
        if isinstance(event, events.EpochDone) and event.epoch == 3:
            os.kill(os.getpid(), signal.SIGKILL)

application = app.Application([])
window = MainWindow(Preferences(), Theme(application))
recovery = Recovery(window, Session(sessions_folder()), Faults(window), None)
killer = Killer()
window.training_panel.began.connect(killer.watch)
window.dataset_panel.pictures_changed.connect(killer.start)
window.show()
window.incoming.open_paths((Path(sys.argv[1]),))
application.exec()
"""


@pytest.fixture
def sessions(tmp_path, monkeypatch) -> Path:
    """Where the marks of this test's windows lie; the log is beside it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return crash.sessions_folder()


@pytest.fixture
def recovery(window, sessions, chooser) -> Recovery:
    return Recovery(window, Session(sessions), Faults(window), chooser)


def leave_behind(folder: Path, doing: Doing, trace: str = "") -> Path:
    """What a window that was killed leaves; returns its mark."""
    session = Session(folder)
    session.write(doing)
    session._trace.write(trace)
    session._trace.close()
    session._lock.close()
    return session._mark


def button(window, name: str) -> QPushButton:
    found = [b for b in window.message_bar.findChildren(QPushButton, name) if not b.isHidden()]
    assert len(found) == 1, name
    return found[0]


def press(window, name: str) -> None:
    QTest.mouseClick(button(window, name), Qt.MouseButton.LeftButton)


def spawn(code: list[str], environment: dict[str, str]) -> "subprocess.Popen[str]":
    merged = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.Popen([sys.executable, *code], env=merged, cwd=ROOT, text=True, stderr=subprocess.PIPE)


@pytest.mark.slow  # loads torch in a process of its own
def test_training_that_was_killed_goes_on_at_one_click(window, sessions, chooser, shapes, tmp_path):
    doomed = spawn(["-c", DIE_TRAINING, str(shapes)], {"HOME": str(tmp_path / "home")})
    wait_for(lambda: doomed.poll() is not None)
    assert doomed.returncode == -signal.SIGKILL, doomed.communicate()[1]
    doomed.communicate()
    recovery = Recovery(window, Session(sessions), Faults(window), chooser)
    recovery.look_back(sessions)
    wait_for(lambda: window.message_bar.text)
    said = window.message_bar.text
    assert said.startswith("TL Studio did not close properly. Your project is intact. Training was interrupted in ")
    press(window, "continue_run_button")
    wait_for(lambda: window.training_panel.is_busy())
    assert window.step == Step.TRAINING
    (run,) = runs_in(window.project.folder)
    wait_for(lambda: any(isinstance(event, RunResumed) for event in run.history()))
    # Killed again, it is offered again.
    wait_for(lambda: any(str(run.folder) in mark.read_text("utf-8") for mark in sessions.glob("*.json")))
    wait_for(lambda: run.state().epochs)  # stopped before an epoch has ended there is nothing to keep
    window.training_panel.stop()
    wait_for(lambda: not window.training_panel.is_busy())
    assert run.is_finished
    assert runs_in(window.project.folder) == [run]
    settle(window)


def leave_a_run(project: Project) -> RunFolder:
    """A run that was killed in its first epoch: what it did, and a checkpoint whose values are lost."""
    run, recipe = project.new_run("feature-extraction"), make_recipe("efficientnet_lite0", "feature-extraction")
    run.recipe_file.write_text(json.dumps(recipe.to_json()))
    run.record(RunStarted(str(run.folder), recipe.to_json(), "cpu", 1, {}, {}))
    groups = ({"name": "head", "lr": 1e-3, "parameters": 10},)
    run.record(PhaseStarted(1, 1, "head", "head", 20, 10, 100, groups))
    facts = {
        "place": {"phase": 1, "epoch": 1, "batch": 1},
        "phases": 1,
        "saved": "2026-01-01T08:00:00+00:00",
        "terms": {},
    }
    values = {"weights.w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    header = json.dumps({"__metadata__": {CHECKPOINT_FACTS: json.dumps(facts)}, **values}).encode()
    run.last_file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    return run


@pytest.mark.slow  # loads torch where no test has before it
def test_training_that_cannot_go_on_is_offered_again(recovery, full_window, sessions):
    window, project = full_window, full_window.project.folder
    run = leave_a_run(window.project)
    assert window.projects.leave()
    settle(window)
    leave_behind(sessions, Doing(str(project), "training", str(run.folder)))
    recovery.look_back(sessions)
    wait_for(lambda: "Training was interrupted in epoch 1 of 20." in window.message_bar.text)
    press(window, "continue_run_button")
    wait_for(lambda: window.message_bar.findChild(QPushButton, "train_again_button"))
    settle(window)
    assert "is a damaged checkpoint" in window.message_bar.text
    assert window.step == Step.TRAINING
    assert button(window, "train_again_button").isEnabled()


def test_a_killed_program_is_told_of_at_the_next_start_and_an_ended_one_is_not(sessions, tmp_path, own_runtime):
    """The program itself: killed, started again, and ended as at logout."""
    homes = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    homes["XDG_RUNTIME_DIR"] = str(own_runtime)
    for ending, expected in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
        killed = set(sessions.glob("*.json"))
        program = spawn(["-m", "tlstudio"], homes)
        wait_for(lambda: set(sessions.glob("*.json")) - killed)  # noqa: B023
        second = spawn(["-m", "tlstudio"], homes)
        wait_for(lambda: second.poll() is not None)  # noqa: B023
        assert second.returncode == 0, second.communicate()[1]
        second.communicate()
        program.send_signal(ending)
        wait_for(lambda: program.poll() is not None)  # noqa: B023
        assert program.returncode == expected
        program.communicate()
    log = crash.log_file().read_text("utf-8")
    assert log.count("TL Studio did not close properly.") == 1
    assert list(sessions.iterdir()) == []


def test_a_window_that_lives_is_not_taken_for_a_crash(recovery, sessions):
    assert list(crash.find_crashed(sessions)) == []
    assert len(list(sessions.glob("*.json"))) == 1


def test_the_mark_follows_what_goes_on_and_goes_with_the_window(recovery, window, sessions, shapes, monkeypatch):
    written = []
    write = Session.write
    monkeypatch.setattr(Session, "write", lambda session, doing: (written.append(doing), write(session, doing)))
    window.dataset_panel.import_path(shapes)
    wait_for(lambda: window.dataset_panel._pictures)
    settle(window)
    project = str(window.project.folder)
    assert Doing(project, "pictures") in written
    assert written[-1] == Doing(project)
    assert project in next(sessions.glob("*.json")).read_text("utf-8")
    window.close()
    wait_for(lambda: not list(sessions.iterdir()))


def test_pictures_that_were_being_read_are_asked_for_again(recovery, window, sessions, tmp_path):
    Project.open(tmp_path / "mine").close()
    leave_behind(sessions, Doing(str(tmp_path / "mine"), "pictures"))
    recovery.look_back(sessions)
    wait_for(lambda: "Pictures were being looked through." in window.message_bar.text)
    press(window, "open_again_button")
    wait_for(lambda: "Add the folder again" in window.message_bar.text)
    assert window.project.folder == tmp_path / "mine"
    settle(window)
    recovery.look_back(sessions)
    settle(window)
    assert "did not close properly" not in window.message_bar.text


def test_the_offer_stays_while_something_opens(recovery, window, sessions, shapes):
    leave_behind(sessions, Doing("/gone", "prediction"))
    recovery.look_back(sessions)
    wait_for(lambda: "Pictures were being classified." in window.message_bar.text)
    window.incoming.open_paths((shapes,))
    wait_for(lambda: window.dataset_panel._pictures)
    settle(window)
    assert button(window, "open_again_button").isVisible()


def test_a_damaged_mark_is_a_crash_of_which_nothing_is_known(recovery, window, sessions):
    leave_behind(sessions, Doing("/far/project")).write_text("{")
    recovery.look_back(sessions)
    wait_for(lambda: window.message_bar.text)
    assert window.message_bar.text == "TL Studio did not close properly."


def test_a_crash_report_is_text_that_stays_here(recovery, window, sessions, chooser, tmp_path):
    crash.log_file().parent.mkdir(parents=True)
    crash.log_file().write_text(f"{Path.home()}/secret/cat.jpg was read\n")
    leave_behind(sessions, Doing("/far/project", "training", "/far/project/runs/001"), "Fatal Python error: Aborted")
    recovery.look_back(sessions)
    wait_for(lambda: window.message_bar.text)
    chooser.answers = [tmp_path / "report.txt"]
    press(window, "save_report_button")
    wait_for(lambda: "has not been sent anywhere" in window.message_bar.text)
    assert button(window, "open_again_button").isVisible()
    report = (tmp_path / "report.txt").read_text("utf-8")
    for part in ("TL Studio 0", "Python 3", "torch 2", "Fatal Python error: Aborted", "project: /far/project"):
        assert part in report
    assert "~/secret/cat.jpg was read" in report
    assert str(Path.home()) not in report


class Faulty(QObject):
    @Slot()
    def fail(self) -> None:
        raise ValueError("the sum of nothing")


def test_a_report_of_an_account_without_a_home_keeps_its_paths(sessions, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/")
    list(crash.save_report(tmp_path / "report.txt", Doing("/data/röd", "pictures"), ""))
    assert "project: /data/röd\n" in (tmp_path / "report.txt").read_text("utf-8")


def test_an_exception_in_a_slot_is_told_and_the_window_goes_on(recovery, window, chooser, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # put back afterwards
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    faults = Faults(window)
    faults.happened.connect(recovery._tell_fault)
    faults.watch()
    faulty = Faulty()
    QTimer.singleShot(0, faulty.fail)
    wait_for(lambda: "the sum of nothing" in window.message_bar.text)
    assert "Something went wrong inside TL Studio: ValueError: the sum of nothing" in window.message_bar.text
    window.message_bar._copy.click()
    assert "in fail" in QGuiApplication.clipboard().text()
    chooser.answers = [tmp_path / "report.txt"]
    press(window, "save_report_button")
    wait_for(lambda: (tmp_path / "report.txt").exists())
    settle(window)
    assert "in fail" in (tmp_path / "report.txt").read_text("utf-8")
    window.message_bar.hide()
    QTimer.singleShot(0, faulty.fail)  # the same again
    thread = threading.Thread(target=faulty.fail)
    thread.start()
    thread.join()
    wait_for(lambda: window.message_bar.text)
    assert window.isVisible()
