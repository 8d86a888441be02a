"""Every step in every state, both schemes, two sizes: named, explained, whole, reachable, large enough."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from tests.ui.uichecks import complaints
from tests.ui.world import draw_strangers, settle, wait_for
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Predicted
from tlstudio.ui.dataset.remarks import Remark
from tlstudio.ui.rail import Step

SIZES = ((1024, 640), (1366, 768), (1920, 1080))


def check(window, look) -> dict[str, dict[str, list[str]]]:
    """What there is to complain about, by step, size and scheme."""
    found = {}
    for width, height in SIZES:
        window.resize(width, height)
        for scheme in ("light", "dark"):
            look.choose(scheme)
            for step in Step:
                window.show_step(step)
                settle(window)
                QApplication.processEvents()
                if complaint := complaints(window):
                    found[f"{step.name} {width} {scheme}"] = complaint
    return found


def test_empty_window(window, look):
    assert check(window, look) == {}


def test_full_window_with_a_message(full_window, look, tmp_path):
    paths = draw_strangers(tmp_path / "new")
    top = (("circle", 0.91), ("crescent", 0.08), ("star", 0.01))
    answers = [Predicted(str(path), True, "circle", 0.91, top, unknown=path.stem == "noise") for path in paths[:-1]]
    for answer in [*answers, Predicted(str(paths[-1]), False, error="is damaged.")]:
        full_window.predict_panel._take(answer)
    wait_for(lambda: full_window.predict_panel._predictions.rowCount() == len(paths))
    full_window.dataset_panel._tools.look.setChecked(True)
    remedy = "Put the pictures into one folder per class, such as pictures/cats and pictures/dogs."
    full_window.message_bar.show_error(TLStudioError("holds no pictures " * 8, path="/a/b/c", remedy=remedy * 2))
    assert check(full_window, look) == {}


@pytest.mark.parametrize("count", [2, 40, 1000])
def test_many_classes(window, look, count):
    classes = {f"eine ziemlich lange deutsche Klasse {n}": {"train": n, "val": 1, "test": 1} for n in range(count)}
    window.dataset_panel._pages.setCurrentIndex(1)
    window.dataset_panel._classes.show_classes(classes)
    window.dataset_panel._remarks.show_remarks((Remark("", "info", "A warning of some length. " * 5),) * 6)
    settle(window)
    assert complaints(window) == {}


class Longer(QTranslator):
    """A language that takes two fifths more room than English, in brackets so that untranslated text shows."""

    def isEmpty(self) -> bool:
        return False

    def translate(self, context, source, disambiguation=None, n=-1):
        text = source.replace("%n", str(n)) if n >= 0 else source
        return f"[{text}{'ü' * (2 * len(text) // 5)}]"


@pytest.fixture
def longer(qapp) -> Iterator[None]:
    translator = Longer()
    qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


def test_a_language_of_long_words_fits(longer, full_window, look, tmp_path):
    full_window.resize(1366, 768)
    stranger, broken = draw_strangers(tmp_path / "[new]")[-2:]
    stranger = stranger.rename(stranger.with_name("[noise].png"))
    top = (("[circle]", 0.91), ("[star]", 0.09))
    full_window.predict_panel._take(Predicted(str(stranger), True, "[circle]", 0.91, top, unknown=True))
    full_window.predict_panel._take(Predicted(str(broken), False, error="[is damaged]"))
    full_window.predict_panel.answers.show_model(("[circle]", "[star]"), None)
    found, untranslated = {}, {}
    for step in Step:
        full_window.show_step(step)
        settle(full_window)
        if complaint := complaints(full_window):
            found[step.name] = complaint
        untranslated[step.name] = [
            text for text in words_on(full_window) if "[" not in text and any(map(str.isalpha, text))
        ]
    assert found == {}
    assert {step: words for step, words in untranslated.items() if words} == {}


def words_on(window) -> list[str]:
    """The texts of what is on show, but those that are people's own: paths and the names of networks."""
    labels = [label.text() for label in window.findChildren(QLabel) if label.isVisible()]
    buttons = [button.text() for button in window.findChildren(QPushButton) if button.isVisible()]
    return [text for text in labels + buttons if text]
