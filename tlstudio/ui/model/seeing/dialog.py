"""What layers see: a picture, a stage, the channels that respond most there, and which part excites each."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio import tasks
from tlstudio.core.backbones import backbone
from tlstudio.core.errors import TLStudioError
from tlstudio.core.events import Event, Progress
from tlstudio.core.recipe import Recipe
from tlstudio.core.responses import FiltersSeen, Offered, Patch, PatchesFound, PictureSeen, StageSeen, TrainedRun
from tlstudio.ui import drops, strategies
from tlstudio.ui.choosers import FileChooser
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import ElidedBox, heading, muted
from tlstudio.ui.model.seeing.tiles import ResponsePicture, Tiles, enlarged, filled, pixmap_of
from tlstudio.ui.model.seeing.words import heading_of, said_of
from tlstudio.ui.theme import SPACE
from tlstudio.ui.thumbnails import Thumbnails

SMALL, TILE, FILTER = 56, 76, 40  # pixels


class SeeingDialog(QDialog):
    """Shows what the stages of the recipe's network respond to; beside it, what those of a trained model do.

    It is kept while it is closed, and takes up what was shown when it is opened again.
    """

    def __init__(
        self, project: Callable[[], Path | None], recipe: Callable[[], Recipe], chooser: FileChooser, owner: QWidget
    ) -> None:
        """project: the folder of the open one. recipe: the one on show; asked whenever the dialog is opened."""
        super().__init__(owner)
        self.setObjectName("seeing_dialog")
        self.setWindowTitle(self.tr("What layers see"))
        self.setAcceptDrops(True)
        self.resize(1120, 690)
        self._project, self._recipe, self._chooser = project, recipe, chooser
        self._seeing: tasks.Seeing | None = None
        self._offered = Offered("")
        self._wanted = ""  # the picture asked for last; what comes of others comes too late
        self._seen: PictureSeen | None = None
        self._stages: dict[str, StageSeen] = {}  # by weights, of the stage on show
        self._filters: dict[str, FiltersSeen] = {}
        self._patches: dict[str, PatchesFound] = {}
        self._stage = ""
        self._queue = JobQueue(self)
        self._queue.reported.connect(self._take)
        self._queue.failed.connect(self._show_failure)
        self._queue.busy_changed.connect(self._show_busy)
        self._offers = JobQueue(self)  # apart: choosing another stage must not take the project's pictures away
        self._offers.reported.connect(self._take)
        self._offers.failed.connect(self._show_failure)
        self._thumbnails = Thumbnails(self)
        self._thumbnails.drawn.connect(self._show_thumbnail)
        self._lay_out()

    # What the window asks

    def see(self, stage: str) -> None:
        """Open, or come to the front, with this stage; empty for the one shown last."""
        recipe, project = self._recipe(), self._project()
        self._stage = stage or self._stage
        if self._seeing is None or self._began_with(self._seeing.recipe) != self._began_with(recipe):
            self._use(recipe, None)
            self._choose_stage_row()
        else:
            self._choose_stage_row()
            self._go_on()
        if project is not None:
            self._offers.add(partial(tasks.offer, project))
        self.show()
        self.activateWindow()

    def _go_on(self) -> None:
        """Ask for what has not come yet, because the dialog was closed before it did."""
        if self._wanted and (self._seen is None or self._seen.path != self._wanted):
            self._look_at(self._wanted)
        elif not self._stages:
            self._ask_stage()

    def done(self, result: int) -> None:
        """Close; nothing goes on unseen."""
        self._queue.stop()
        self._offers.stop()
        self._thumbnails.stop()
        super().done(result)

    def shut_down(self) -> None:
        """Stop for good; returns when nothing runs any more."""
        self._queue.shut_down()
        self._offers.shut_down()
        self._thumbnails.shut_down()

    # Layout

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE * 2, SPACE * 2, SPACE * 2, SPACE * 2)
        layout.setSpacing(SPACE)
        layout.addLayout(self._make_choices())
        below = QHBoxLayout()
        below.setSpacing(SPACE * 2)
        below.addWidget(self._make_stages())
        below.addLayout(self._make_page(), 1)
        layout.addLayout(below, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)

    def _make_choices(self) -> QHBoxLayout:
        self.strip = Tiles("seeing_pictures", self.tr("Pictures of the project to look at"), SMALL, named=False)
        self.strip.currentRowChanged.connect(self._choose_offered)
        self.choose_button = QPushButton(self.tr("Choose a picture…"))
        self.choose_button.setObjectName("seeing_choose_button")
        self.choose_button.setToolTip(self.tr("Look at any picture of this computer; you can also drop one here"))
        self.choose_button.clicked.connect(self._choose_file)
        self.compare_box = ElidedBox()
        self.compare_box.setObjectName("seeing_compare_box")
        self.compare_box.setAccessibleName(self.tr("Compare with a trained model"))
        self.compare_box.setToolTip(self.tr("Put what the same channels see after a training run beside it"))
        self.compare_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.compare_box.setMinimumContentsLength(22)
        self.compare_box.activated.connect(self._choose_run)
        right = QVBoxLayout()
        right.addWidget(self.choose_button)
        right.addWidget(self.compare_box)
        row = QHBoxLayout()
        row.setSpacing(SPACE * 2)
        row.addWidget(self.strip, 1)
        row.addLayout(right)
        self._list_runs()
        return row

    def _make_stages(self) -> QListWidget:
        self.stages = QListWidget()
        self.stages.setObjectName("seeing_stages")
        self.stages.setAccessibleName(self.tr("Stages of the network"))
        self.stages.setToolTip(self.tr("The stages in the order a picture passes them"))
        self.stages.setFixedWidth(272)
        self.stages.setWordWrap(True)
        self.stages.setSpacing(1)
        self.stages.currentRowChanged.connect(self._choose_stage)
        return self.stages

    def _make_page(self) -> QVBoxLayout:
        self._title = heading("")
        self.words = muted(QLabel())
        self.words.setObjectName("seeing_words")
        self.words.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setFixedHeight(4)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.bar.hide()
        column = QVBoxLayout()
        column.setSpacing(SPACE)
        column.addWidget(self._title)
        column.addWidget(self.words)
        column.addWidget(self.bar)
        column.addLayout(self._make_pictures(), 1)
        column.addLayout(self._make_more())
        return column

    def _make_pictures(self) -> QGridLayout:
        """Before on the left, after on the right: a picture, and beside it the parts that excite the channels."""
        self.pictures: dict[str, ResponsePicture] = {}
        self.tiles: dict[str, Tiles] = {}
        self._captions: dict[str, QLabel] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE)
        grid.setVerticalSpacing(SPACE // 2)
        parts = (("shipped", self.tr("Before training")), ("trained", self.tr("After training")))
        for column, (weights, title) in enumerate(parts):
            self._captions[weights] = muted(QLabel(title))
            self.pictures[weights] = ResponsePicture(self.tr("{0}: where the chosen channel responds").format(title))
            tip = self.tr("{0}: the part of the picture that excites each channel most").format(title)
            self.tiles[weights] = Tiles(f"seeing_tiles_{weights}", tip, TILE, columns=2)
            self.tiles[weights].currentRowChanged.connect(self._choose_channel)
            grid.addWidget(self._captions[weights], 0, 2 * column, 1, 2)
            grid.addWidget(self.pictures[weights], 1, 2 * column)
            grid.addWidget(self.tiles[weights], 1, 2 * column + 1)
        grid.setRowStretch(1, 1)
        self._grid = grid
        self.pictures["shipped"].say_nothing_is_there(
            self.tr("Choose one of the pictures above, or drop a picture here.")
        )
        return grid

    def _make_more(self) -> QHBoxLayout:
        self.search_button = QPushButton(self.tr("Find more such parts"))
        self.search_button.setObjectName("seeing_search_button")
        self.search_button.clicked.connect(self._search)
        self.found = Tiles("seeing_found", self.tr("Parts of other pictures that excite the chosen channel"), TILE)
        self.filters = Tiles(
            "seeing_filters", self.tr("What the first layer looks for: its filters"), FILTER, named=False
        )
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        self._below = muted(QLabel())
        self._below.setWordWrap(True)
        self._below.setFixedWidth(170)
        left = QVBoxLayout()
        left.addWidget(self.search_button)
        left.addWidget(self._below)
        left.addStretch(1)
        row.addLayout(left)
        row.addWidget(self.found, 1)
        row.addWidget(self.filters, 1)
        row.addStretch()  # while neither is there
        return row

    # Choices

    @staticmethod
    def _began_with(recipe: Recipe) -> tuple[object, ...]:
        """What of a recipe decides which network is looked at."""
        return recipe.backbone, recipe.start, recipe.pretrained, recipe.fit

    def _use(self, recipe: Recipe, run: TrainedRun | None) -> None:
        """Look at this recipe's network, and at a run's model beside it."""
        self._seeing = tasks.Seeing(recipe, Path(run.model) if run else None)
        self._stages, self._patches, self._filters = {}, {}, {}
        self.filters.clear()
        names = [stage.name for stage in backbone(recipe.backbone).stages if stage.name != "head"]
        if [self.stages.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.stages.count())] != names:
            self._list_stages(recipe)
        for part in (self._captions["trained"], self.pictures["trained"], self.tiles["trained"]):
            part.setVisible(run is not None)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(2, 1 if run else 0)
        self._captions["shipped"].setVisible(run is not None)
        self._list_runs()
        if self._wanted:
            self._look_at(self._wanted)

    def _list_stages(self, recipe: Recipe) -> None:
        self.stages.blockSignals(True)
        self.stages.clear()
        for stage in backbone(recipe.backbone).stages:
            if stage.name != "head":
                item = QListWidgetItem(f"{stage.name}\n{stage.learns}")
                item.setData(Qt.ItemDataRole.UserRole, stage.name)
                item.setToolTip(stage.learns)
                item.setSizeHint(QSize(0, 2 * self.fontMetrics().height() + SPACE))
                self.stages.addItem(item)
        self.stages.blockSignals(False)
        self._choose_stage_row()

    def _choose_stage_row(self) -> None:
        rows = range(self.stages.count())
        names = [self.stages.item(row).data(Qt.ItemDataRole.UserRole) for row in rows]
        self.stages.setCurrentRow(names.index(self._stage) if self._stage in names else 0)

    def _list_runs(self) -> None:
        chosen = self._seeing.trained if self._seeing else None
        self.compare_box.clear()
        self.compare_box.addItem(self.tr("Compare: nothing"), None)
        for run in reversed(self._offered.models):
            if self._seeing is not None and run.backbone == self._seeing.recipe.backbone:
                text = self.tr("Compare: run {0}, {1}").format(run.number, strategies.title(run.strategy))
                self.compare_box.addItem(text, run)
                if str(chosen) == run.model:
                    self.compare_box.setCurrentIndex(self.compare_box.count() - 1)
        self.compare_box.setEnabled(self.compare_box.count() > 1)

    @Slot(int)
    def _choose_run(self, row: int) -> None:
        if self._seeing is not None:
            self._queue.stop()
            self._use(self._seeing.recipe, self.compare_box.itemData(row))

    @Slot(int)
    def _choose_offered(self, row: int) -> None:
        if 0 <= row < len(self._offered.pictures):
            self._look_at(self._offered.pictures[row])

    @Slot()
    def _choose_file(self) -> None:
        if paths := self._chooser.files(self, self.tr("Picture to look at")):
            self.strip.setCurrentRow(-1)
            self._look_at(str(paths[0]))

    def _look_at(self, path: str) -> None:
        self._wanted = path
        if self._seeing is not None:
            self._queue.stop()
            self._queue.add(partial(self._seeing.look, path))

    @Slot(int)
    def _choose_stage(self, row: int) -> None:
        if row >= 0:
            self._stage = self.stages.item(row).data(Qt.ItemDataRole.UserRole)
            self._stages, self._patches = {}, {}
            self._show_words()
            self._ask_stage()

    def _ask_stage(self) -> None:
        if self._seeing is None or self._seen is None:
            return
        self._queue.stop()
        self._queue.add(partial(self._seeing.stage, self._stage))
        if not self._filters:
            self._queue.add(self._seeing.filters)

    @Slot(int)
    def _choose_channel(self, row: int) -> None:
        for weights, picture in self.pictures.items():
            tiles = self.tiles[weights]
            if row >= 0 and tiles.currentRow() != row and row < tiles.count():
                tiles.setCurrentRow(row)
            seen = self._stages.get(weights)
            picture.show_response(seen.responses[row] if seen and 0 <= row < len(seen.responses) else None)
        self._show_found()

    @Slot()
    def _search(self) -> None:
        seen = self._stages.get("shipped") or self._stages.get("trained")
        if self._seeing is not None and seen is not None and self._offered.sample:
            channels = [response.channel for response in seen.responses]
            self._queue.stop()
            self._queue.add(partial(self._seeing.patches, seen.stage, channels, self._offered.sample))

    # What comes back

    @Slot(object)
    def _take(self, event: Event) -> None:
        if not self.isVisible():
            return  # it was closed meanwhile; when it opens again it asks anew
        match event:
            case Progress():
                self.bar.setRange(0, event.total)
                self.bar.setValue(event.done)
            case Offered():
                self._take_offered(event)
            case PictureSeen() if event.path == self._wanted:
                self._take_picture(event)
            case StageSeen() if event.stage == self._stage and self._seen and event.path == self._seen.path:
                self._stages[event.weights] = event
                self._show_stage(event)
            case FiltersSeen():
                self._filters[event.weights] = event
                self._show_filters()
            case PatchesFound() if event.stage == self._stage:
                self._patches[event.weights] = event
                self._show_found()

    def _take_offered(self, offered: Offered) -> None:
        is_new = offered.pictures != self._offered.pictures
        if self._offered.project not in ("", offered.project):
            self._wanted = ""
            self._forget()
        self._offered = offered
        self._list_runs()
        self._show_words()
        if is_new:
            blank = QPixmap(SMALL, SMALL)
            blank.fill(Qt.GlobalColor.transparent)
            self.strip.show_tiles([(blank, "", Path(path).name) for path in offered.pictures])
            self._thumbnails.want(offered.pictures, round(2 * SMALL * self.devicePixelRatioF()))
        if offered.pictures and not self._wanted:
            self.strip.setCurrentRow(0)

    def _forget(self) -> None:
        """Show no picture: the one on show was of another project, or there is none to show."""
        self._seen = None
        self._stages, self._patches = {}, {}
        for weights in self.pictures:
            self.pictures[weights].show_picture(None)
            self.tiles[weights].clear()
        self.found.clear()

    def _take_picture(self, seen: PictureSeen) -> None:
        if seen.error:
            self._forget()
            self.pictures["shipped"].say_nothing_is_there(f"{Path(seen.path).name}: {seen.error}")
            self._show_words()
            return
        self._seen = seen
        for picture in self.pictures.values():
            picture.show_picture(seen)
        self._patches = {}
        self._ask_stage()

    @Slot(object)
    def _show_failure(self, error: TLStudioError) -> None:
        self.pictures["shipped"].show_picture(None)
        self.pictures["shipped"].say_nothing_is_there(str(error))

    @Slot(bool)
    def _show_busy(self, busy: bool) -> None:
        self.bar.setRange(0, 0)
        self.bar.setVisible(busy)

    @Slot(str)
    def _show_thumbnail(self, path: str) -> None:
        drawn = self._thumbnails.get(path)
        if drawn is not None and drawn.pixmap is not None and path in self._offered.pictures:
            side = round(SMALL * self.devicePixelRatioF())
            self.strip.show_picture(self._offered.pictures.index(path), filled(drawn.pixmap, side))

    def _show_stage(self, seen: StageSeen) -> None:
        tiles, square = self.tiles[seen.weights], self._seen
        assert square is not None
        whole = pixmap_of(square.pixels, square.side)
        shown = []
        for response in seen.responses:
            left, top, right, bottom = response.part
            part = enlarged(whole.copy(left, top, right - left, bottom - top), TILE)
            text = self.tr("channel {0}").format(response.channel) if response.channel >= 0 else self.tr("all together")
            tip = self.tr("{0}: at its strongest place {1:.1f} standard deviations above its mean")
            shown.append((part, text, tip.format(text, response.strength)))
        row = max(0, tiles.currentRow())
        tiles.show_tiles(shown)
        tiles.setVisible(bool(shown))
        tiles.setCurrentRow(min(row, len(shown) - 1))
        self._choose_channel(tiles.currentRow())
        if self._stages.keys() == {"shipped", "trained"}:
            before, after = self._stages["shipped"], self._stages["trained"]
            same = self.tr("After training: this stage sees as it did before")
            changed = self.tr("After training: the same channels")
            self._captions["trained"].setText(same if before.responses == after.responses else changed)
        self._show_words()

    def _show_words(self) -> None:
        """Say in words what is to be seen."""
        if self._seeing is None or not self._stage:
            return
        network, side = self._seeing.recipe.backbone, self._seen.side if self._seen else 0
        seen = self._stages.get("shipped") or self._stages.get("trained")
        self._title.setText(heading_of(network, self._stage))
        self.words.setText(said_of(seen, network, side))
        has_channels = seen is not None and seen.maps == "channels"
        self.search_button.setEnabled(has_channels and bool(self._offered.sample))
        tip = self.tr("There is no project with pictures to look through")
        if many := len(self._offered.sample):
            tip = self.tr("Look through {0} pictures of the project for the parts that excite these channels most")
        self.search_button.setToolTip(tip.format(many))
        self._show_below()

    def _show_filters(self) -> None:
        said = self._filters.get("shipped") or self._filters.get("trained")
        if said is not None:
            tip = self.tr("A filter of the first layer: it responds where the picture looks like this")
            tiles = [(enlarged(pixmap_of(tile, said.side), FILTER, smooth=False), "", tip) for tile in said.tiles]
            self.filters.show_tiles(tiles)

    def _show_found(self) -> None:
        weights = "trained" if "trained" in self._patches else "shipped"
        found, seen = self._patches.get(weights), self._stages.get(weights)
        row = self.tiles["shipped"].currentRow()
        patches: tuple[Patch, ...] = ()
        if found is not None and seen is not None and 0 <= row < len(seen.responses):
            patches = found.patches.get(seen.responses[row].channel, ())
        self.found.show_tiles(
            [
                (enlarged(pixmap_of(p.pixels, p.side), TILE), Path(p.path).parent.name, Path(p.path).name)
                for p in patches
            ]
        )
        self._show_below()

    def _show_below(self) -> None:
        """The parts found in other pictures; until there are some, at the first stage, the filters."""
        has_found = bool(self._patches)
        is_first = self.stages.currentRow() == 0
        self.filters.setVisible(is_first and not has_found)
        self.found.setVisible(has_found)
        text = self.tr("The first layer's filters: each responds where the picture looks like it.")
        if has_found:
            text = self.tr("These parts of other pictures excite the chosen channel most.")
        self._below.setText(text if has_found or is_first else "")

    # Drops

    def dragEnterEvent(self, coming: QDragEnterEvent) -> None:
        if drops.local_paths(coming.mimeData()):
            coming.acceptProposedAction()

    def dragMoveEvent(self, coming: QDragMoveEvent) -> None:
        coming.acceptProposedAction()

    def dropEvent(self, dropped: QDropEvent) -> None:
        if paths := drops.local_paths(dropped.mimeData()):
            dropped.acceptProposedAction()
            self.strip.setCurrentRow(-1)
            self._look_at(str(paths[0]))
