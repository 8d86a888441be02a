"""Make the pictures of the window: `python -m tests.ui.screenshots FOLDER`. Every state, two schemes, two sizes.

Everything in them is drawn by TL Studio itself, so that they may be shown anywhere.
"""

import os
import sys
import tempfile
from pathlib import Path

SIZES = ((1366, 768), (1920, 1080))
SCHEMES = ("light", "dark")


class Photographer:
    """Takes one state of a window in every scheme and size."""

    def __init__(self, window, theme, folder: Path) -> None:
        self.window = window
        self.theme = theme
        self.folder = folder

    def take(self, state: str, quiet: bool = True) -> None:
        from tests.ui.world import settle

        for width, height in SIZES:
            for scheme in SCHEMES:
                self.theme.choose(scheme)
                self.window.resize(width, height)
                if quiet:
                    settle(self.window)
                from PySide6.QtWidgets import QApplication

                for _ in range(5):
                    QApplication.processEvents()
                self.window.grab().save(str(self.folder / f"{state}-{scheme}-{width}.png"))
        print(state, flush=True)

    def take_dialog(self, state: str, dialog) -> None:
        """A dialog keeps its size, so it is taken once in each scheme."""
        from PySide6.QtWidgets import QApplication

        for scheme in SCHEMES:
            self.theme.choose(scheme)
            QApplication.processEvents()
            dialog.grab().save(str(self.folder / f"{state}-{scheme}.png"))
        print(state, flush=True)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="tlstudio-screenshots-"))
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # Only this program's own folders: the weights may lie in the real home.
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        os.environ[name] = str(home / name.lower())
    from PySide6.QtWidgets import QApplication

    from tlstudio.ui.app import translate
    from tlstudio.ui.main_window import MainWindow
    from tlstudio.ui.preferences import Preferences
    from tlstudio.ui.theme import Theme

    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    translate(application)
    preferences = Preferences(home / "window.ini")
    preferences.projects_folder = home / "projects"
    theme = Theme(application, "light")
    window = MainWindow(preferences, theme)
    window.resize(*SIZES[0])
    window.show()
    journey(Photographer(window, theme, folder), home)
    from tests.ui.world import wait_for

    window.close()
    wait_for(lambda: window.isHidden() and not window._running())


def journey(photographer: Photographer, home: Path) -> None:
    """From the empty window to answers, stopping for a picture at each state."""
    from tests.ui.world import draw_strangers, settle, wait_for
    from tlstudio.ui.rail import Step

    window = photographer.window
    dataset, training = window.dataset_panel, window.training_panel
    photographer.take("1-empty")
    window.projects.begin_sample()
    wait_for(lambda: dataset._empty._inside.currentIndex() == 1 and dataset._empty._bar.value() > 40)
    photographer.take("2-importing", quiet=False)
    wait_for(lambda: dataset._pictures)
    window.load_engine()
    settle(window)
    dataset._tools.look.setChecked(True)
    dataset._grid.setCurrentIndex(dataset._shown.index(10))
    photographer.take("3-full")
    dataset._grid.exclude_wanted.emit()
    wait_for(lambda: dataset._remarks.row_of("excluded") >= 0)
    dataset._preview._tabs.setCurrentIndex(1)
    photographer.take("3-put-right")
    window.undoing.undo.trigger()
    wait_for(lambda: dataset._remarks.row_of("excluded") < 0)
    doubts(photographer)
    window.show_step(Step.NETWORK)
    settle(window)
    photographer.take("4-network")
    window.model_panel.strategy_box.setCurrentIndex(1)  # fine-tune-last: two phases, long enough to be seen
    window.model_panel.strategy_box.activated.emit(1)
    window.train()
    wait_for(lambda: len(training.control.state.epochs) > 4)
    photographer.take("5-training", quiet=False)
    training.pause_or_go_on()
    wait_for(lambda: not training.is_busy() and training.pause_button.isEnabled())
    settle(window)
    photographer.take("5-paused")
    training.pause_or_go_on()
    wait_for(lambda: not training.is_busy())
    settle(window)
    photographer.take("6-trained")
    evaluations(photographer)
    answers(photographer, draw_strangers(home / "new pictures"), home / "sorted")
    (home / "broken.tlmodel").write_bytes(b"this is no model")
    window.incoming.take_dropped(None, (home / "broken.tlmodel",))
    wait_for(lambda: window.message_bar.text)
    photographer.take("8-error")
    weights_and_preferences(photographer)


def evaluations(photographer: Photographer) -> None:
    """The pages of a run's evaluation, and a second run held against the first."""
    from tests.ui.world import settle, wait_for

    window, training = photographer.window, photographer.window.training_panel
    window.model_panel.strategy_box.setCurrentIndex(0)
    window.model_panel.strategy_box.activated.emit(0)
    window.train()
    wait_for(lambda: not training.is_busy() and not training.runs.is_reading())
    tabs = training.results_view._tabs
    for page, name in enumerate(("confusion", "classes", "mistakes", "reliability", "compare")):
        tabs.setCurrentIndex(page)
        settle(window)
        photographer.take(f"6-{name}")
    training.run_list.choose([0, 1])
    settle(window)
    photographer.take("6-side-by-side")
    training.run_list.choose([0])


def doubts(photographer: Photographer) -> None:
    """What the network doubts when a few pictures are filed wrongly: to decide, on the map, and what would help."""
    from tests.ui.world import settle, wait_for
    from tlstudio.core.edits import Edits

    window, panel = photographer.window, photographer.window.dataset_panel
    edits = Edits(window.project.catalogue)
    edits.relabel([picture.id for picture in window.project.catalogue.readable()][:3], "square")
    panel.open_doubts()
    view = panel._doubts
    wait_for(lambda: view.decisions.list.model().rowCount())
    photographer.take("3-doubts")
    view._pages.setCurrentIndex(1)
    wait_for(lambda: view.map._plot is not None and view.map._points)
    photographer.take("3-doubts-map")
    view._pages.setCurrentIndex(2)
    wait_for(lambda: "With twice" in view._curve.text() and "guessing" in view._cues.text())
    photographer.take("3-doubts-help")
    edits.undo()
    panel.leave_doubts()
    settle(window)


def answers(photographer: Photographer, pictures: list[Path], sorted_: Path) -> None:
    """The model's card, answers with what speaks for them, and what can be done with them."""
    from tests.ui.world import settle, wait_for
    from tlstudio.ui.predict.sorting_dialog import SortingDialog
    from tlstudio.ui.rail import Step

    window, predict = photographer.window, photographer.window.predict_panel
    window.show_step(Step.PREDICT)
    wait_for(lambda: predict._model)
    settle(window)
    photographer.take("7-card")
    predict.classify(pictures)
    wait_for(lambda: predict._predictions.answers)
    photographer.take("7-streaming", quiet=False)
    wait_for(lambda: len(predict._predictions.answers) == len(pictures))
    settle(window)
    for state, row in (("7-predicting", 0), ("7-stranger", len(pictures) - 2), ("7-unreadable", len(pictures) - 1)):
        predict.answers.list.setCurrentIndex(predict._predictions.index(row))
        photographer.take(state)
    predict.sort_copies()
    dialog = window.findChild(SortingDialog)
    dialog._into = sorted_
    dialog._place.show_text(str(sorted_))
    dialog._plan_anew()
    wait_for(lambda: dialog._plan)
    photographer.take_dialog("7-sorting", dialog)
    dialog.copy_button.click()
    wait_for(lambda: "Copied" in window.message_bar.text)
    photographer.take("7-sorted")
    predict.answers.list.setCurrentIndex(predict._predictions.index(0))
    predict.answers._correct("star")
    wait_for(lambda: "Added" in window.message_bar.text)
    photographer.take("7-corrected")
    export(photographer, sorted_.with_name("exported"))


def export(photographer: Photographer, folder: Path) -> None:
    """The model is written for other programs, and what the measurement found."""
    from tests.ui.world import wait_for
    from tlstudio.ui.predict.export_dialog import ExportDialog

    window = photographer.window
    window.menus.export.trigger()
    dialog = window.findChild(ExportDialog)
    photographer.take_dialog("7-export", dialog)
    dialog._out = folder
    dialog._place.show_text(str(folder))
    dialog._show_state()
    dialog.export_button.click()
    wait_for(lambda: dialog._is_done and dialog._job is None)
    photographer.take_dialog("7-exported", dialog)
    dialog.close()


def weights_and_preferences(photographer: Photographer) -> None:
    """A network whose weights are not on this computer, and the pages of Preferences."""
    from tests.ui.world import settle, wait_for
    from tlstudio.core.backbones import BACKBONES
    from tlstudio.ui.rail import Step

    window = photographer.window
    window.message_bar.hide()
    window.show_step(Step.NETWORK)
    settle(window)
    box = window.model_panel.backbone_box
    missing = next((name for name in BACKBONES if name in window.model_panel.choices.without_weights), None)
    if missing:
        box.setCurrentIndex(box.findData(missing))
        box.activated.emit(box.currentIndex())
        photographer.take("9-missing-weights")
    dialog = window._open_preferences()
    wait_for(lambda: not dialog.networks.is_busy() and not dialog.storage.is_busy())
    for page, name in ((dialog.general, "general"), (dialog.networks, "networks"), (dialog.storage, "storage")):
        dialog._pages.setCurrentWidget(page)
        wait_for(lambda: not dialog.networks.is_busy() and not dialog.storage.is_busy())
        photographer.take_dialog(f"10-preferences-{name}", dialog)
    dialog.close()


if __name__ == "__main__":
    main()
