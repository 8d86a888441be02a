"""A close look at one picture: as filed, or as the network sees it, which is decided here."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QDateTime, QLocale, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QTabBar, QVBoxLayout, QWidget

from tlstudio.core.backbones import DEFAULT_BACKBONE, backbone
from tlstudio.core.catalogue import Picture
from tlstudio.core.preprocessing import Fit, Preprocessing
from tlstudio.core.recipe import Recipe
from tlstudio.ui.labels import ElidedBox, ElidedLabel, muted
from tlstudio.ui.picture_view import PictureView
from tlstudio.ui.theme import SPACE

# From this ratio of the sides on, what a square does to a picture is worth a warning.
LONG = 1.5


class Preview(QWidget):
    """The chosen picture beside the grid.

    Signals:
        fit_chosen: how the next run makes pictures square: `crop`, `pad` or `squash`.
    """

    fit_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("preview")
        self._picture: Picture | None = None
        self._seen_by: Preprocessing = backbone(DEFAULT_BACKBONE).preprocessing
        self._tabs = QTabBar()
        self._tabs.setDrawBase(False)
        self._tabs.setExpanding(False)
        self._tabs.addTab(self.tr("As filed"))
        self._tabs.addTab(self.tr("As the network sees it"))
        self._tabs.setAccessibleName(self.tr("Preview"))
        self._tabs.setToolTip(self.tr("The picture as it is on disk, or cut and scaled as the network is shown it"))
        self._tabs.currentChanged.connect(self._show)
        self._view = PictureView()
        self._view.say_nothing_is_there(self.tr("Choose a picture to look at."))
        self._name = ElidedLabel()
        self._facts = muted(QLabel())
        self._facts.setWordWrap(True)
        self._facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.addWidget(self._tabs)
        layout.addWidget(self._view, 1)
        layout.addWidget(self._make_fit())
        layout.addWidget(self._name)
        layout.addWidget(self._facts)
        self.setMinimumWidth(260)

    def _make_fit(self) -> QWidget:
        """The choice of how pictures become square, and what it does to this one."""
        self._fits = ElidedBox()
        self._fits.setObjectName("fit_box")
        self._fits.setAccessibleName(self.tr("How pictures become square"))
        self._fits.setToolTip(
            self.tr("The network sees squares. This holds for all pictures, from the next training on.")
        )
        ways: tuple[tuple[Fit, str], ...] = (
            ("crop", self.tr("Cut out the middle")),
            ("pad", self.tr("Show all of it, with black bars")),
            ("squash", self.tr("Squash it into a square")),
        )
        for fit, text in ways:
            self._fits.addItem(text, fit)
        self._fits.activated.connect(self._choose_fit)
        caption = muted(QLabel(self.tr("Made square:")))
        self._effect = QLabel()
        self._effect.setObjectName("fit_warning")
        self._effect.setWordWrap(True)
        self._effect.setProperty("role", "warning")
        choice = QHBoxLayout()
        choice.setSpacing(SPACE)
        choice.addWidget(caption)
        choice.addWidget(self._fits, 1)
        self._fit_part = QWidget()
        column = QVBoxLayout(self._fit_part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE // 2)
        column.addLayout(choice)
        column.addWidget(self._effect)
        self._fit_part.hide()
        return self._fit_part

    def show_picture(self, picture: Picture | None) -> None:
        self._picture = picture
        self._show()

    def show_recipe(self, recipe: Recipe) -> None:
        """Show what the network of this recipe is shown of a picture from now on."""
        usual = backbone(recipe.backbone).preprocessing
        self._seen_by = replace(usual, fit=recipe.fit) if recipe.fit else usual
        self._fits.setCurrentIndex(self._fits.findData(self._seen_by.fit))
        self._show()

    def forget(self) -> None:
        self._view.forget()

    def shut_down(self) -> None:
        self._view.shut_down()

    @Slot(int)
    def _choose_fit(self, position: int) -> None:
        self.fit_chosen.emit(self._fits.itemData(position))

    @Slot()
    def _show(self) -> None:
        picture, as_seen = self._picture, self._tabs.currentIndex() == 1
        self._fit_part.setVisible(as_seen)
        if picture is None:
            self._view.show_path("")
            self._name.show_text("")
            self._facts.setText("")
            self._effect.hide()
            return
        self._view.show_path(picture.path, self._seen_by if as_seen else None)
        self._name.show_text(Path(picture.path).name)
        self._facts.setText(picture.refused or self._say_facts(picture, as_seen))
        effect = self._say_effect(picture)
        self._effect.setText(effect)
        self._effect.setVisible(bool(effect))

    def _say_facts(self, picture: Picture, as_seen: bool) -> str:
        split = {"train": self.tr("to train on"), "val": self.tr("to check with"), "test": self.tr("to test with")}
        parts = [picture.label, split.get(picture.split, "")]
        if as_seen:
            side = self._seen_by.size
            parts.append(f"{side} × {side} px")
        else:
            size = QLocale().formattedDataSize(picture.size, 1, QLocale.DataSizeFormat.DataSizeSIFormat)
            parts += [f"{picture.width} × {picture.height} px", picture.format, picture.mode, size]
            if picture.mtime_ns:
                when = QDateTime.fromMSecsSinceEpoch(picture.mtime_ns // 1_000_000)
                parts.append(QLocale().toString(when, QLocale.FormatType.ShortFormat))
        return " · ".join(part for part in parts if part)

    def _say_effect(self, picture: Picture) -> str:
        """What becoming a square costs a long picture; empty for one that is nearly square."""
        shorter, longer = sorted((picture.width, picture.height))
        if not shorter or longer / shorter <= LONG:
            return ""
        ratio = QLocale().toString(longer / shorter, "f", 1)
        if self._seen_by.fit == "pad":
            bars = round(100 * (1 - shorter / longer))
            return self.tr("{bars} % of what the network sees are black bars, and things look smaller.").format(
                bars=bars
            )
        if self._seen_by.fit == "squash":
            return self.tr("Things look {ratio} times as narrow or as flat as they are.").format(ratio=ratio)
        side = shorter * self._seen_by.size / self._seen_by.resize
        lost = round(100 * (1 - side * side / (shorter * longer)))
        return self.tr("The network does not see {lost} % of this picture: it is cut off.").format(lost=lost)
