"""What a model says about itself: what it can tell apart, how well, what it was trained on, and under what terms."""

import textwrap
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale, Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from tlstudio.core.backbones import BACKBONES
from tlstudio.core.events import OUT_OF_FOLD
from tlstudio.ui import figures, strategies
from tlstudio.ui.labels import heading, muted, title
from tlstudio.ui.theme import SPACE

CLASSES_NAMED = 12
LONGEST_WORD, LONGEST_PIECE = 24, 6  # letters; a longer word may be broken between pieces of that many
ZERO_WIDTH_SPACE = "\u200b"


class ModelCard(QScrollArea):
    """The facts of the open model, a line each. Whatever comes from the file is shown as plain text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model_facts")
        self.setProperty("card", True)
        self.setAccessibleName(self.tr("About the model"))
        self.setToolTip(self.tr("What the model file says about itself"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(300)
        self._page = QWidget()
        self.viewport().setAutoFillBackground(False)
        self.show_nothing()

    def show_loading(self, path: Path) -> None:
        """Say which file is being opened, before anything in it has been checked."""
        self._begin(path.name, self.tr("Checking the file and loading its network …"))

    def show_nothing(self) -> None:
        """Say what would stand here."""
        text = self.tr("A model is what a training leaves: one .tlmodel file, which needs no project and no internet.")
        self._begin(self.tr("No model yet"), text)

    def show_model(self, path: Path, facts: dict[str, Any]) -> None:
        """Show the facts of a model file that was checked and loaded."""
        spec = BACKBONES.get(facts["backbone"])
        grid = self._begin(path.name, "")
        name = spec.title if spec else str(facts["backbone"])
        lines = [
            (self.tr("Tells apart"), self._classes(facts)),
            (self.tr("How well"), self._metrics(facts)),
            (self.tr("Learned from"), self._pictures(facts)),
            (self.tr("Strangers"), self._strangers(facts)),
            (self.tr("Network"), self._network(name, facts)),
            (self.tr("Trained"), self._made(facts)),
            (self.tr("Began with"), self._provenance(facts)),
            (self.tr("File"), str(path)),
        ]
        for row, (what, text) in enumerate((what, text) for what, text in lines if text):
            left, right = heading(what), _plain(text)
            left.setAlignment(Qt.AlignmentFlag.AlignTop)
            grid.addWidget(left, row, 0)
            grid.addWidget(right, row, 1)

    def _begin(self, name: str, remark: str) -> QGridLayout:
        """An empty page with a title; returns where lines go."""
        self._page = QWidget()
        layout = QVBoxLayout(self._page)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE * 2)
        head = title(_breakable(name))
        head.setWordWrap(True)
        layout.addWidget(head)
        if remark:
            said = muted(QLabel(remark))
            said.setWordWrap(True)
            layout.addWidget(said)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE * 2)
        grid.setVerticalSpacing(SPACE + 4)
        grid.setColumnStretch(1, 1)
        layout.addLayout(grid)
        layout.addStretch(1)
        self.setWidget(self._page)
        self._page.setAutoFillBackground(False)  # the card's own ground is to be seen
        return grid

    @property
    def text(self) -> str:
        """All it says, a line each."""
        return "\n".join(label.text() for label in self._page.findChildren(QLabel))

    def _classes(self, facts: dict[str, Any]) -> str:
        classes, counts = facts["classes"], facts["trained_on"]
        named = [f"{name} ({figures.count(counts[name])})" if name in counts else name for name in classes]
        more = self.tr("and %n more class(es)", "", len(classes) - CLASSES_NAMED) if len(named) > CLASSES_NAMED else ""
        return ", ".join([*named[:CLASSES_NAMED], *([more] if more else [])])

    def _metrics(self, facts: dict[str, Any]) -> str:
        lines = []
        for split in ("test", "val"):
            if measured := facts["metrics"].get(split):
                lines.append(describe_accuracy(measured, split))
        return "\n".join(lines) or self.tr("It was never measured on pictures it had not learned from.")

    def _pictures(self, facts: dict[str, Any]) -> str:
        many = sum(facts["trained_on"].values())
        return self.tr("%n picture(s)", "", many) if many else ""

    def _strangers(self, facts: dict[str, Any]) -> str:
        unknown = facts["unknown"]
        share = figures.percent(float(unknown.get("refused_at_most", 0)), 0)
        text = self.tr("Get no class; at most {share} of known pictures get none with them (set on {pictures})")
        return text.format(share=share, pictures=unknown.get("set_on", ""))

    def _network(self, name: str, facts: dict[str, Any]) -> str:
        cut = facts["train_from"]
        learned = strategies.title(facts["strategy"])
        if cut != "head":
            learned = self.tr("{strategy}, from {stage} on").format(strategy=learned, stage=cut)
        side = facts["preprocessing"]["size"]
        return f"{name} · {learned} · {side} px"

    def _made(self, facts: dict[str, Any]) -> str:
        when = QDateTime.fromString(str(facts["created"]), Qt.DateFormat.ISODate)
        day = QLocale().toString(when.toLocalTime(), QLocale.FormatType.ShortFormat) if when.isValid() else ""
        return self.tr("{day} with TL Studio {version}").format(day=day, version=facts["program"])

    def _provenance(self, facts: dict[str, Any]) -> str:
        origin = facts["provenance"]
        source, licence = origin.get("source", ""), origin.get("licence", "")
        lines = [str(source)] if source else []
        if origin.get("before"):
            lines.insert(0, self.tr("A model of one's own; before that:"))
        if licence:
            lines.append(self.tr("Licence: {licence}").format(licence=licence))
        return "\n".join(lines)


def describe_accuracy(measured: dict[str, Any], split: str) -> str:
    """One line on how good a model is on pictures it had not learned from. split: `test` or `val`."""
    low, high = measured["interval"]
    names = {
        "test": QCoreApplication.translate("card", "test"),
        "val": QCoreApplication.translate("card", "validation"),
        OUT_OF_FOLD: QCoreApplication.translate("card", "out-of-fold"),
    }
    text = QCoreApplication.translate(
        "card", "{accuracy} correct on {n} {split} pictures (95 % interval {low} to {high})"
    )
    return text.format(
        accuracy=figures.percent(measured["accuracy"]),
        n=figures.count(measured["n"]),
        split=names.get(measured.get("split", split), names[split]),
        low=figures.percent(low),
        high=figures.percent(high),
    )


def _plain(text: str) -> QLabel:
    label = QLabel(_breakable(text))
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label


def _breakable(text: str) -> str:
    """Text from a file whose long words may be broken: nothing else would keep them in the card."""
    if max(map(len, text.split())) <= LONGEST_WORD:
        return text
    return " ".join(ZERO_WIDTH_SPACE.join(textwrap.wrap(word, LONGEST_PIECE)) for word in text.split(" "))
