"""The chosen picture: what the model says, what in it speaks for that, and which training pictures are like it."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSlider,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Explained, Predicted
from tlstudio.ui.labels import ElidedLabel, heading, muted, title
from tlstudio.ui.predict.heat import HeatPicture
from tlstudio.ui.predict.nearest import NearestRow
from tlstudio.ui.predict.ranking import RankedBars
from tlstudio.ui.theme import SPACE

FIRST_OPACITY = 70  # percent
OPACITY_WIDTH = 88


class EvidenceView(QScrollArea):
    """The picture large, the verdict in words, the classes ranked, the heat map over the picture, the nearest ones.

    Signals:
        question: the path of the picture on show and the class to explain it for.
        correction_wanted: a person says that the answer is wrong; offer the classes at the button.
    """

    question = Signal(str, str)
    correction_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("evidence_view")
        self.setProperty("card", True)
        self.setAccessibleName(self.tr("The chosen picture and its classes"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._answer: Predicted | None = None
        self._has_project = False
        self._picture = HeatPicture()
        self._picture.say_nothing_is_there(self.tr("Choose an answer to see it closely."))
        self._picture.set_opacity(FIRST_OPACITY / 100)
        self._picture.setToolTip(
            self.tr("The thin frame is the part the network was shown; bright is what speaks for the chosen class")
        )
        self._label = title("")
        self._label.setWordWrap(True)
        self._remark = muted(QLabel())
        self._remark.setWordWrap(True)
        self._name = muted(ElidedLabel())
        self.bars = RankedBars()
        self.bars.label_chosen.connect(self._ask_for)
        page = self._make_page()
        self.setWidget(page)
        page.setAutoFillBackground(False)  # the card's own ground is to be seen
        self.viewport().setAutoFillBackground(False)
        self.setMinimumWidth(300)
        self.show_answer(None)

    def _make_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(SPACE * 2, SPACE, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE)
        layout.addWidget(self._make_tabs())
        layout.addWidget(self._picture, 1)
        layout.addLayout(self._make_caption())
        layout.addLayout(self._make_verdict())
        layout.addWidget(self._remark)
        layout.addWidget(self.bars)
        layout.addWidget(self._make_nearest())
        return page

    def _make_tabs(self) -> QTabBar:
        self._tabs = QTabBar()
        self._tabs.setObjectName("evidence_tabs")
        self._tabs.setDrawBase(False)
        self._tabs.setExpanding(False)
        self._tabs.addTab(self.tr("As filed"))
        self._tabs.addTab(self.tr("As the network saw it"))
        self._tabs.setAccessibleName(self.tr("How the picture is shown"))
        self._tabs.setToolTip(self.tr("The picture as it is on disk, or exactly as the network was shown it"))
        self._tabs.currentChanged.connect(self._show_view)
        return self._tabs

    def _make_caption(self) -> QHBoxLayout:
        self.heat_box = QCheckBox(self.tr("Heat map"))
        self.heat_box.setObjectName("heat_box")
        self.heat_box.setChecked(True)
        self.heat_box.toggled.connect(self._show_heat)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setObjectName("opacity_slider")
        self.opacity.setRange(10, 100)
        self.opacity.setValue(FIRST_OPACITY)
        self.opacity.setFixedWidth(OPACITY_WIDTH)
        self.opacity.setAccessibleName(self.tr("Opacity of the heat map"))
        self.opacity.setToolTip(self.tr("How strongly the heat map covers the picture"))
        self.opacity.valueChanged.connect(self._show_heat)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self._name, 1)
        row.addWidget(self.heat_box)
        row.addWidget(self.opacity)
        return row

    def _make_verdict(self) -> QHBoxLayout:
        self.wrong_button = QPushButton(self.tr("Wrong? It is…"))
        self.wrong_button.setObjectName("correct_button")
        self.wrong_button.setToolTip(
            self.tr("The answer is wrong: say what the picture shows, and it joins the project in that class")
        )
        self.wrong_button.clicked.connect(self.correction_wanted)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self._label, 1)
        row.addWidget(self.wrong_button, 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _make_nearest(self) -> QWidget:
        self._nearest = NearestRow()
        self._why_bare = muted(QLabel())
        self._why_bare.setWordWrap(True)
        self._nearest_part = QWidget()
        column = QVBoxLayout(self._nearest_part)
        column.setContentsMargins(0, SPACE // 2, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addWidget(heading(self.tr("Nearest training pictures")))
        column.addWidget(self._nearest)
        column.addWidget(self._why_bare)
        return self._nearest_part

    # What it shows

    def show_answer(self, answer: Predicted | None) -> None:
        """Show an answer; what explains it is asked for at once."""
        before, self._answer = self._answer, answer
        if before is not None and answer is not None and (before.path, before.top) == (answer.path, answer.top):
            self._show_words(self.bars.label)  # judged anew, nothing else
            return
        self._picture.show_path(answer.path if answer else "")
        self._show_nothing_yet()
        self._show_words("")
        if answer is not None and answer.ok:
            self.question.emit(answer.path, self.bars.label)

    def _show_words(self, label: str) -> None:
        """label: the ranked class that is chosen; empty for the best."""
        answer = self._answer
        self._name.show_text(Path(answer.path).name if answer else "")
        self.bars.show_answer(answer, label)
        words, remark = self._words(answer)
        self._label.setText(words)
        self._label.setVisible(bool(words))
        self._remark.setText(remark)
        self._remark.setVisible(bool(remark))
        self.wrong_button.setVisible(answer is not None and answer.ok)
        for part in (self._tabs, self.heat_box, self.opacity):
            part.setVisible(answer is not None and answer.ok)

    def _show_nothing_yet(self) -> None:
        self._picture.show_evidence(None)
        self._nearest_part.hide()
        self.heat_box.setEnabled(True)
        self.heat_box.setToolTip(self.tr("Show where in the picture the evidence for the chosen class lies"))

    def show_evidence(self, found: Explained) -> None:
        """Draw what the model said about the picture on show."""
        if self._answer is None or found.path != self._answer.path:
            return
        if found.error:
            self._show_why_bare(f"{Path(found.path).name}: {found.error}")
            return
        self._picture.show_evidence(found)
        has_heat = self._picture.has_heat
        self.heat_box.setEnabled(has_heat)
        text = self.tr("Show where in the picture the evidence for {label} lies: the brighter, the more")
        lacking = self.tr("This network gives no map of where it looks, or nothing speaks for the class")
        self.heat_box.setToolTip(text.format(label=found.label) if has_heat else lacking)
        self._show_heat()
        self._nearest.show_neighbours(found.nearest)
        self._nearest_part.setVisible(bool(found.nearest))
        bare = bool(found.nearest) and not self._nearest.has_pictures
        self._why_bare.setVisible(bare)
        self._why_bare.setText(self._why_no_pictures() if bare else "")

    @Slot(object)
    def show_failure(self, error: TLStudioError) -> None:
        """Say why there is nothing to see besides the answer."""
        self._show_why_bare(str(error))

    def _show_why_bare(self, why: str) -> None:
        self._nearest_part.hide()
        self._remark.setText(why)
        self._remark.show()
        self.heat_box.setEnabled(False)
        self.opacity.setEnabled(False)
        self.heat_box.setToolTip(why)

    def use_project(self, is_open: bool) -> None:
        """Whether a project is open in which the nearest pictures may be."""
        self._has_project = is_open

    def _why_no_pictures(self) -> str:
        if self._has_project:
            return self.tr("The pictures themselves are not in this project: the model was trained on others.")
        return self.tr("To see the pictures themselves, open the project the model was trained in.")

    def _words(self, answer: Predicted | None) -> tuple[str, str]:
        if answer is None:
            return "", ""
        if not answer.ok:
            return self.tr("No answer"), f"{Path(answer.path).name}: {answer.error}"
        if answer.unknown:
            remark = self.tr(
                "It is less like the training pictures than nearly all I was checked on. If it is of a class after all:"
            )
            return self.tr("Not like anything you taught me"), remark
        return answer.label or "", ""

    @property
    def text(self) -> str:
        """What it says about the chosen picture."""
        return f"{self._label.text()} {self._remark.text()}".strip()

    @Slot(str)
    def _ask_for(self, label: str) -> None:
        if self._answer is not None and self._answer.ok:
            self.question.emit(self._answer.path, label)

    @Slot(int)
    def _show_view(self, view: int) -> None:
        self._picture.show_as_seen(view == 1)

    @Slot()
    def _show_heat(self) -> None:
        shown = self.heat_box.isChecked()
        self.opacity.setEnabled(shown and self.heat_box.isEnabled())
        self._picture.set_opacity(self.opacity.value() / 100 if shown else 0.0)

    def shut_down(self) -> None:
        self._picture.shut_down()
        self._nearest.shut_down()
