"""Preferences: the pages, bringing weights in by button and by drop, downloading, packs, and the caches."""

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QListWidget, QPushButton, QTabBar, QTreeView, QWidget

from tests.serving import serving
from tests.ui.test_looks import Longer, words_on
from tests.ui.uichecks import complaints
from tests.ui.world import carry, drop, hover, settle, wait_for
from tlstudio.core import backbones
from tlstudio.core.backbones import Backbone
from tlstudio.core.events import Progress
from tlstudio.engine import features, thumbnails, weights
from tlstudio.ui.preferences_dialog.dialog import PreferencesDialog
from tlstudio.ui.preferences_dialog.networks_model import NetworksModel
from tlstudio.ui.preferences_dialog.pack_dialog import PackDialog
from tlstudio.ui.rail import Step

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
GENERAL, NETWORKS, STORAGE = range(3)
HERE = "here, checked"


@pytest.fixture(autouse=True)
def fresh(fresh_cache):
    """Nothing remembered from other tests."""


def click(button: QWidget, at: QPoint | None = None) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton, pos=at or button.rect().center())


def press(dialog: QWidget, name: str) -> None:
    click(dialog.findChild(QPushButton, name))


def opened(window) -> PreferencesDialog:
    """The dialog, by its key in the menu."""
    window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    dialog = window.findChild(PreferencesDialog)
    idle(dialog)
    return dialog


def turn_to(dialog: PreferencesDialog, page: int) -> None:
    bar = dialog.findChild(QTabBar)
    click(bar, bar.tabRect(page).center())
    idle(dialog)


def idle(dialog: PreferencesDialog) -> None:
    wait_for(lambda: not dialog.networks.is_busy() and not dialog.storage.is_busy())


def choose(dialog: PreferencesDialog, title: str) -> None:
    """Click a network's row."""
    table = dialog.findChild(QTreeView, "networks_table")
    (row,) = [row for row in range(table.model().rowCount()) if table.model().index(row, 0).data() == title]
    table.scrollTo(table.model().index(row, 0))
    click(table.viewport(), table.visualRect(table.model().index(row, 0)).center())


def state_of(dialog: PreferencesDialog, title: str) -> str:
    model = dialog.findChild(QTreeView, "networks_table").model()
    (row,) = [row for row in range(model.rowCount()) if model.index(row, 0).data() == title]
    return model.index(row, NetworksModel.STATE).data()


@pytest.fixture
def tiny_file(tiny_backbone: Backbone, tmp_path: Path) -> Path:
    """The weights of `tiny` on a stick; the program has them no more."""
    (tmp_path / "stick").mkdir()
    return weights.locate(tiny_backbone).rename(tmp_path / "stick" / "tiny.pth")


@pytest.fixture
def served(tiny_backbone: Backbone, tiny_file: Path, monkeypatch) -> Iterator[Backbone]:
    with serving(tiny_file.parent) as address:
        known = replace(tiny_backbone.weights, url=f"{address}/tiny.pth")
        spec = replace(tiny_backbone, weights=known)
        monkeypatch.setitem(backbones.BACKBONES, "tiny", spec)
        yield spec


def test_every_network_is_listed_with_its_state_and_its_facts(window, tiny_backbone):
    dialog = opened(window)
    turn_to(dialog, NETWORKS)
    assert state_of(dialog, "EfficientNet-Lite0") == HERE
    assert state_of(dialog, "ResNet-18") == "not on this computer"
    assert state_of(dialog, "Tiny") == HERE
    choose(dialog, "ResNet-18")
    click(dialog.findChild(QWidget, "copy_weights_button"))
    copied = QGuiApplication.clipboard().text()
    resnet = backbones.backbone("resnet18").weights
    for fact in (resnet.filename, resnet.sha256, resnet.licence, resnet.source, resnet.url):
        assert fact in copied
    dialog.close()


def test_opening_the_page_again_reads_no_file_again(window, tiny_backbone):
    dialog = opened(window)
    dialog.close()
    wait_for(lambda: not window.findChildren(PreferencesDialog))
    window._show_preferences()
    dialog = window.findChild(PreferencesDialog)
    seen = []
    dialog.networks._queue.reported.connect(seen.append)
    idle(dialog)
    assert state_of(dialog, "Tiny") == HERE
    assert [event for event in seen if isinstance(event, Progress)] == []
    dialog.close()


def test_a_file_is_imported_by_the_button(window, chooser, tiny_file, tiny_backbone):
    dialog = opened(window)
    turn_to(dialog, NETWORKS)
    assert state_of(dialog, "Tiny") == "not on this computer"
    chooser.answers = [tiny_file]
    press(dialog, "import_weights_button")
    wait_for(lambda: dialog.networks.message)
    assert dialog.networks.message.startswith("Here and checked now: Tiny.")
    assert state_of(dialog, "Tiny") == HERE
    assert weights.locate(tiny_backbone).read_bytes() == tiny_file.read_bytes()
    dialog.close()


def test_a_wrong_file_is_refused_by_name_and_a_right_one_beside_it_is_taken(window, tiny_file, tmp_path):
    wrong = tmp_path / "resnet18-f37072fd.pth"
    wrong.write_bytes(b"an error page")
    dialog = opened(window)
    assert drop(dialog, carry(wrong))
    wait_for(lambda: dialog.networks.message)
    assert dialog.networks.isVisible()
    assert "resnet18-f37072fd.pth: is not the pretrained weights of resnet18" in dialog.networks.message
    assert "Get it again from https://download.pytorch.org" in dialog.networks.message
    idle(dialog)
    assert drop(dialog, carry(wrong, tiny_file))
    wait_for(lambda: "Here and checked now: Tiny." in dialog.networks.message)
    assert "is not the pretrained weights of resnet18" in dialog.networks.message
    dialog.close()


def test_what_is_no_file_is_not_taken_by_the_page(window):
    dialog = opened(window)
    given = QMimeData()
    given.setUrls([QUrl("https://example.org/weights.pth")])
    assert not hover(dialog, given, dialog.rect().center())
    dialog.close()


@pytest.mark.parametrize("step", list(Step))
def test_weights_dropped_anywhere_on_the_window_are_imported(window, tiny_file, tiny_backbone, step):
    window.show_step(step)
    given = carry(tiny_file)
    assert hover(window, given, window.rect().center())
    assert window.dragging.overlay.texts == ("Import these pretrained weights",)
    assert drop(window, given)
    wait_for(lambda: window.findChild(PreferencesDialog) is not None)
    dialog = window.findChild(PreferencesDialog)
    wait_for(lambda: dialog.networks.message.startswith("Here and checked now: Tiny."))
    assert weights.locate(tiny_backbone).is_file()
    dialog.close()
    settle(window)


def test_the_network_panel_says_what_to_do_about_missing_weights(window, chooser, tiny_file, tiny_backbone):
    window.show_step(Step.NETWORK)
    settle(window)
    panel = window.model_panel
    panel._choose_backbone("resnet18")
    settle(window)
    resnet = backbones.backbone("resnet18").weights
    text = panel.missing.text
    assert "The pretrained weights of ResNet-18 are not on this computer." in text
    assert resnet.filename in text
    assert resnet.sha256 in text
    assert "tlstudio weights pack weights.zip resnet18 --fetch" in text
    assert complaints(window) == {}
    chooser.answers = [tiny_file]  # another network's file: it is taken all the same, for what it is
    press(window, "import_missing_weights_button")
    dialog = window.findChild(PreferencesDialog)
    wait_for(lambda: dialog.networks.message.startswith("Here and checked now: Tiny."))
    dialog.close()
    settle(window)
    press(window, "networks_button")
    dialog = window.findChild(PreferencesDialog)
    wait_for(lambda: "resnet18-f37072fd.pth" in dialog.networks._card.facts)
    dialog.close()
    settle(window)


def test_the_network_panel_notices_that_the_weights_have_come(window, tiny_file):
    window.show_step(Step.NETWORK)
    settle(window)
    panel = window.model_panel
    panel.backbone_box.addItem("Tiny", "tiny")
    panel._choose_backbone("tiny")
    panel.look_for_weights()
    wait_for(lambda: "tiny.pth" in panel.missing.text)
    assert drop(window, carry(tiny_file))
    wait_for(lambda: window.findChild(PreferencesDialog) is not None)
    dialog = window.findChild(PreferencesDialog)
    wait_for(lambda: dialog.networks.message)
    dialog.close()
    wait_for(lambda: panel.missing.text == "")
    settle(window)


def test_a_download_shows_its_address_first_and_fetches_only_when_told(window, served, tiny_file):
    dialog = opened(window)
    turn_to(dialog, NETWORKS)
    choose(dialog, "Tiny")
    press(dialog, "download_weights_button")
    assert served.weights.url in dialog.networks._question.text
    press(dialog, "download_question_no_button")
    idle(dialog)
    assert state_of(dialog, "Tiny") == "not on this computer"
    press(dialog, "download_weights_button")
    press(dialog, "download_question_yes_button")
    wait_for(lambda: dialog.networks.message.startswith("Here and checked now: Tiny."))
    assert weights.locate(served).read_bytes() == tiny_file.read_bytes()
    assert not dialog.networks.download_button.isEnabled()
    assert dialog.networks.download_button.toolTip() == "It is on this computer already"
    dialog.close()


def test_without_a_network_a_download_says_so(window, served, monkeypatch):
    known = replace(served.weights, url="http://127.0.0.1:9/tiny.pth")
    monkeypatch.setitem(backbones.BACKBONES, "tiny", replace(served, weights=known))
    dialog = opened(window)
    turn_to(dialog, NETWORKS)
    choose(dialog, "Tiny")
    press(dialog, "download_weights_button")
    press(dialog, "download_question_yes_button")
    wait_for(lambda: dialog.networks.message)
    assert "could not be reached" in dialog.networks.message
    assert "connected to the internet?" in dialog.networks.message
    dialog.close()


def test_a_network_without_an_address_cannot_be_downloaded(window, tiny_file):
    dialog = opened(window)
    turn_to(dialog, NETWORKS)
    choose(dialog, "Tiny")
    assert not dialog.networks.download_button.isEnabled()
    assert dialog.networks.download_button.toolTip() == "No address is known for this file"
    dialog.close()


def tick(pack: PackDialog, title: str) -> None:
    """Click the box before a network."""
    listed = pack.findChild(QListWidget)
    (item,) = [i for i in map(listed.item, range(listed.count())) if i.text().startswith(f"{title},")]
    listed.scrollToItem(item)
    box = listed.visualItemRect(item)
    click(listed.viewport(), QPoint(box.left() + 14, box.center().y()))


def test_a_pack_is_made_of_what_is_ticked_and_says_before_what_it_fetches(window, chooser, served, tmp_path):
    dialog = opened(window)
    turn_to(dialog, NETWORKS)
    press(dialog, "pack_weights_button")
    pack = dialog.findChild(PackDialog)
    assert complaints(pack) == {}
    said = pack.findChild(QWidget, "pack_sum")
    assert said.text().endswith("Nothing is downloaded for it.")
    for title in [found.title for found in backbones.BACKBONES.values() if state_of(dialog, found.title) == HERE]:
        tick(pack, title)
    assert not pack.make_button.isEnabled()
    tick(pack, "Tiny")
    assert said.text().endswith("1 MB of it will be downloaded from 127.0.0.1 when you press Make the pack.")
    chooser.answers = [tmp_path / "weights.zip"]
    press(pack, "make_pack_button")
    wait_for(lambda: dialog.networks.message.startswith("weights.zip: the weights of 1 network"))
    with zipfile.ZipFile(tmp_path / "weights.zip") as archive:
        assert hashlib.sha256(archive.read("tiny.pth")).hexdigest() == served.weights.sha256
    idle(dialog)
    assert state_of(dialog, "Tiny") == HERE
    dialog.close()


def test_what_was_brought_in_by_hand_goes_into_no_pack(window, tiny_backbone, monkeypatch):
    name = "timm/test_efficientnet"
    monkeypatch.setitem(backbones.BACKBONES, name, replace(tiny_backbone, name=name, title=name))
    dialog = opened(window)
    turn_to(dialog, NETWORKS)
    assert state_of(dialog, name) == HERE
    press(dialog, "pack_weights_button")
    pack = dialog.findChild(PackDialog)
    tick(pack, name)
    ticked = [found.backbone for found in pack._ticked()]
    assert "tiny" in ticked
    assert name not in ticked
    pack.reject()
    dialog.close()


def test_closing_stops_what_runs_and_leaves_nothing_half_done(window, chooser, tiny_backbone, tmp_path):
    dialog = opened(window)
    turn_to(dialog, NETWORKS)
    press(dialog, "pack_weights_button")
    out = tmp_path / "packs"
    out.mkdir()
    chooser.answers = [out / "weights.zip"]
    press(dialog.findChild(PackDialog), "make_pack_button")
    assert dialog.networks.is_busy()
    ended = []
    dialog.finished.connect(ended.append)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    wait_for(lambda: ended)
    assert {path.name for path in out.iterdir()} <= {"weights.zip"}  # whole, or not at all
    settle(window)


def fill_caches() -> None:
    for place, size in (
        (features.usage().folder / "abc.sqlite", 3_000_000),
        (thumbnails.folder() / "ab" / "cd.jpg", 5000),
    ):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bytes(size))


def test_a_cache_is_emptied_after_a_question(window):
    fill_caches()
    dialog = opened(window)
    turn_to(dialog, STORAGE)
    page = dialog.storage
    assert page._features.usage == "1 file, 3 MB"
    assert page._thumbnails.usage == "1 file, 5 kB"
    press(dialog, "empty_features_button")
    assert "Nothing is lost: the next run computes it again" in page._question.text
    press(dialog, "empty_question_no_button")
    idle(dialog)
    assert features.usage().bytes == 3_000_000
    press(dialog, "empty_features_button")
    press(dialog, "empty_question_yes_button")
    wait_for(lambda: page._features.usage == "empty")
    assert page._thumbnails.usage == "1 file, 5 kB"
    press(dialog, "empty_thumbnails_button")
    press(dialog, "empty_question_yes_button")
    wait_for(lambda: page._thumbnails.usage == "empty")
    assert not dialog.findChild(QPushButton, "empty_features_button").isEnabled()
    assert list(thumbnails.folder().rglob("*.jpg")) == []
    dialog.close()


def test_the_limit_is_kept_where_the_command_line_reads_it(window, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    dialog = opened(window)
    turn_to(dialog, STORAGE)
    assert dialog.storage.limit.value() == 4.0
    dialog.storage.limit.setFocus()
    dialog.storage.limit.selectAll()
    QTest.keyClicks(dialog.storage.limit, "2.5")
    QTest.keyClick(dialog.storage.limit, Qt.Key.Key_Tab)
    wait_for(lambda: features.usage().limit == 2_500_000_000)
    idle(dialog)
    dialog.close()
    (settings,) = (tmp_path / "config" / "tlstudio").glob("settings.json")
    settings.write_text('{"cache_limit": "much"}')
    assert features.usage().limit == 4_000_000_000


@pytest.fixture
def busy_page(window, served) -> Iterator[PreferencesDialog]:
    """The dialog with everything on show that can be on show."""
    fill_caches()
    dialog = opened(window)
    networks = dialog.networks
    turn_to(dialog, NETWORKS)
    choose(dialog, "Tiny")
    networks._ask_to_download()
    networks._messages.warn("Here and checked now: Tiny.", "A long remedy. " * 12)
    networks._work.show_progress(Progress("fetching tiny.pth", 12_000_000, 47_000_000))
    dialog.storage._ask_about_features()
    yield dialog
    dialog.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_to_complain_about(busy_page, look, scheme):
    look.choose(scheme)
    for page in (GENERAL, NETWORKS, STORAGE):
        turn_to(busy_page, page)
        QApplication.processEvents()
        assert complaints(busy_page) == {}


@pytest.fixture
def longer(qapp) -> Iterator[None]:
    translator = Longer()
    qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


def test_a_language_of_long_words_fits(longer, busy_page):
    for page in (GENERAL, NETWORKS, STORAGE):
        turn_to(busy_page, page)
        QApplication.processEvents()
        assert complaints(busy_page) == {}
        assert busy_page.width() <= 1024
        assert busy_page.height() <= 640
        known = backbones.backbone("tiny").weights
        own = ("/", "Tiny", "tiny.pth", known.sha256, known.source, "A long remedy")  # no words of the program's
        words = [text for text in words_on(busy_page) if any(map(str.isalpha, text))]
        assert [text for text in words if "[" not in text and not any(name in text for name in own)] == []


def test_the_models_keep_qts_rules(qtmodeltester, look, qapp, window):
    dialog = opened(window)
    qtmodeltester.check(dialog.networks._model)
    dialog.close()
