"""The network panel: choose a backbone and a strategy, see and set what learns in it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import get_args

from PySide6.QtCore import QEvent, QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QShowEvent, QUndoCommand, QUndoStack
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from tlstudio import tasks
from tlstudio.core.advice import from_table
from tlstudio.core.backbones import BACKBONES, Backbone, backbone
from tlstudio.core.draft import Draft
from tlstudio.core.errors import TLStudioError
from tlstudio.core.estimate import Machine, Measured, run_seconds
from tlstudio.core.events import Event, Outlined, WeightsFound
from tlstudio.core.outline import StageOutline, counted, in_phase, toggled, uncounted
from tlstudio.core.preprocessing import Fit
from tlstudio.core.project import Project
from tlstudio.core.recipe import STRATEGIES, Domain, Phase, Recipe
from tlstudio.ui import figures, strategies, theme
from tlstudio.ui.job import Job, Stop
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.labels import ElidedBox
from tlstudio.ui.model.freeze_control import FreezeControl
from tlstudio.ui.model.layer_tree import LayerTree
from tlstudio.ui.model.missing_weights import MissingWeights
from tlstudio.ui.model.phase_strip import PhaseStrip
from tlstudio.ui.model.recall import Recalled, recall
from tlstudio.ui.model.settings_form import SettingsForm

FEWEST_CLASSES = 2
_OWN_CUT = Qt.ItemDataRole.UserRole + 1  # marks the line of the strategy box that is no preset


class _Edit(QUndoCommand):
    """One step of editing: the draft before it and the one after. Steps with the same key become one."""

    def __init__(self, text: str, before: Draft, after: Draft, show: Callable[[Draft], None], key: str) -> None:
        super().__init__(text)
        self._before, self._after, self._show, self._key = before, after, show, key

    def id(self) -> int:
        return hash(self._key) & 0x7FFFFFFF if self._key else -1

    def mergeWith(self, later: QUndoCommand) -> bool:
        if not isinstance(later, _Edit) or later._key != self._key:
            return False
        self._after = later._after
        self.setObsolete(self._after == self._before)
        return True

    def undo(self) -> None:
        self._show(self._before)

    def redo(self) -> None:
        self._show(self._after)


class ModelPanel(QWidget):
    """Edits one thing, the recipe, by presets, tree, slider and fields.

    Signals:
        recipe_changed: the new Recipe, after every edit, undo and redo.
        summary_changed: one line for the rail, such as "Lite0 · head only".
        failed: the TLStudioError that kept the layers from being shown.
        training_wanted: go on to the next step; it starts nothing.
        import_wanted: choose a file of weights. networks_wanted: see all networks and their weights.

    Attributes:
        undo_stack: the recipe edits, for the frame's Edit menu.
    """

    recipe_changed = Signal(object)
    summary_changed = Signal(str)
    failed = Signal(object)
    training_wanted = Signal()
    import_wanted = Signal()
    networks_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model_panel")
        self.undo_stack = QUndoStack(self)
        self._draft = Draft()
        self._classes, self._pictures = 0, 0
        self._machine = Machine()
        # What learns is counted on these, so a backbone is built once for a number of classes.
        self._outlines: dict[tuple[str, int], tuple[StageOutline, ...]] = {}
        self._job: Job | None = None
        self._wanted: tuple[str, int] | None = None
        self._weights_job: Job | None = None
        self._without_weights: dict[str, WeightsFound] = {}
        self._drag = 0
        self._project: Path | None = None
        self._recalled = False  # the draft is that of an earlier run: no advice takes it away
        self._recall = JobQueue(self)
        self._build()
        self._connect()
        self._refresh()

    # What the window asks

    def show_project(self, project: Project | None) -> None:
        """Begin anew for a project: with what its newest run did, or, where there is none, with the advice."""
        self._project = project.folder if project else None
        self._recalled = False
        self._recall.stop()
        self.undo_stack.clear()
        self._show(Draft())
        if project:
            self._recall.add(partial(recall, project.folder))

    @Slot(int, int)
    def show_pictures(self, classes: int, training_pictures: int) -> None:
        """Say how many classes and training pictures there are (0, 0: none yet); the advice follows them."""
        before = self._advised()
        self._classes, self._pictures = classes, training_pictures
        chosen = self.undo_stack.count() > 0 or self._recalled
        untouched = not chosen or self._draft == Draft(strategy=before)
        if untouched and self._pictures and self._draft.strategy != self._advised():
            self._show(self._draft.with_strategy(self._advised()))
        else:
            self._refresh()
        if self.isVisible():
            self._look_up_layers()

    def show_draft(self, draft: Draft) -> None:
        """Take up what an earlier run did."""
        self._recall.stop()
        self._recalled = True
        self.undo_stack.clear()
        self._show(draft)

    def recipe(self) -> Recipe:
        """What Train would do now."""
        return self._draft.recipe

    @Slot(object)
    def take_measurement(self, run: Measured) -> None:
        """Learn from a finished run how fast this machine is (connect TrainingPanel.measured to it)."""
        stages = self._outlines.get((run.recipe.backbone, max(self._classes, FEWEST_CLASSES)))
        if stages and self._pictures:
            self._machine = self._machine.after_run(run, stages, self._pictures)
            self._show_counts()

    def shut_down(self) -> None:
        """End what works in the background; returns when it has ended."""
        self._wanted = None
        self._recall.shut_down()
        for job in (self._job, self._weights_job):
            if job:
                job.stop()
                job.wait()

    # Layout

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * theme.SPACE, 2 * theme.SPACE, 2 * theme.SPACE, 2 * theme.SPACE)
        column.setSpacing(theme.SPACE)
        column.addLayout(self._build_choices())
        column.addLayout(self._build_advice())
        column.addSpacing(theme.SPACE // 2)
        self.summary = QLabel()
        self.summary.setObjectName("parameter_summary")
        self.summary.setProperty("role", "heading")
        self.summary.setToolTip(
            self.tr("How much learns in the last phase. The time is a rough estimate; it gets better after a run.")
        )
        self.strip = PhaseStrip()
        column.addWidget(self.summary)
        column.addWidget(self.strip)
        self.freeze = FreezeControl()
        column.addWidget(self.freeze)
        self.tree = LayerTree()
        self.tree.setMinimumHeight(120)
        column.addWidget(self.tree, 1)
        column.addSpacing(theme.SPACE // 2)
        self.form = SettingsForm()
        column.addWidget(self.form)
        self.next_button = QPushButton(self.tr("Next: train →"))
        self.next_button.setObjectName("to_training_button")
        self.next_button.setProperty("primary", True)
        column.addWidget(self.next_button, 0, Qt.AlignmentFlag.AlignRight)

    def _build_choices(self) -> QGridLayout:
        self.backbone_box, self.strategy_box, self.domain_box = ElidedBox(), ElidedBox(), ElidedBox()
        self._list_backbones()
        for name in STRATEGIES:
            self.strategy_box.addItem(strategies.title(name), name)
        titles = {
            "similar": self.tr("like everyday photos"),
            "different": self.tr("very different (medical, satellite…)"),
        }
        for domain in get_args(Domain):
            self.domain_box.addItem(titles[domain], domain)
        parts = (
            (self.backbone_box, "backbone_box", self.tr("Backbone"), self.tr("The pretrained network to start from")),
            (self.strategy_box, "strategy_box", self.tr("Strategy"), ""),
            (self.domain_box, "domain_box", self.tr("My pictures are"),
             self.tr("How far your pictures are from those the backbone learned from; the advice depends on it")),
        )  # fmt: skip
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * theme.SPACE)
        grid.setVerticalSpacing(2)
        for place, (box, name, caption, explanation) in enumerate(parts):
            label = QLabel(caption)
            label.setProperty("role", "muted")
            label.setBuddy(box)
            box.setObjectName(name)
            box.setAccessibleName(caption)
            box.setToolTip(explanation)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            grid.addWidget(label, 0, place)
            grid.addWidget(box, 1, place)
            grid.setColumnStretch(place, (11, 9, 7)[place])
        return grid

    def _list_backbones(self) -> None:
        """Add what is known now and not in the list yet: a network that was brought in comes last."""
        for spec in list(BACKBONES.values()):
            if self.backbone_box.findData(spec.name) < 0:
                self.backbone_box.addItem(self._entry(spec), spec.name)
                facts = self.tr("{0} parameters, pictures of {1} × {1} pixels, licence {2}").format(
                    figures.count(spec.parameters), spec.preprocessing.size, spec.weights.licence
                )
                self.backbone_box.setItemData(self.backbone_box.count() - 1, facts, Qt.ItemDataRole.ToolTipRole)

    def _entry(self, spec: Backbone) -> str:
        return self.tr("{0} · {1} MB").format(spec.title, figures.count(round(spec.weights.size / 1e6)))

    def _build_advice(self) -> QHBoxLayout:
        self.advice = QLabel()
        self.advice.setWordWrap(True)
        self.advice.setProperty("role", "muted")
        self.reset_button = QPushButton(self.tr("Back to preset"))
        self.reset_button.setObjectName("reset_button")
        policy = self.reset_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # the rows below stay where they are when it comes and goes
        self.reset_button.setSizePolicy(policy)
        row = QHBoxLayout()
        row.setSpacing(2 * theme.SPACE)
        row.addWidget(self.advice, 1)
        self.missing = MissingWeights()
        row.addWidget(self.missing, 1)
        row.addWidget(self.reset_button, 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _connect(self) -> None:
        self.backbone_box.activated.connect(self._choose_backbone)
        self.strategy_box.activated.connect(self._choose_strategy)
        self.domain_box.activated.connect(self._choose_domain)
        self.reset_button.clicked.connect(self._reset)
        self.freeze.cut_asked.connect(self._choose_cut)
        self.freeze.slider.sliderPressed.connect(self._begin_drag)
        self.tree.layers().learning_asked.connect(self._choose_learning)
        self.form.changed.connect(self._choose_number)
        self.next_button.clicked.connect(self.training_wanted)
        self.missing.import_wanted.connect(self.import_wanted)
        self.missing.networks_wanted.connect(self.networks_wanted)
        self._recall.reported.connect(self._take_recalled)
        self._recall.failed.connect(self.failed)

    # Edits

    @Slot(int)
    def _choose_backbone(self, position: int) -> None:
        name = self.backbone_box.itemData(position)
        self._edit(self.tr("Change backbone"), self._draft.with_backbone(name))

    @Slot(int)
    def _choose_strategy(self, position: int) -> None:
        if not self.strategy_box.itemData(position, _OWN_CUT):
            name = self.strategy_box.itemData(position)
            self._edit(self.tr("Change strategy"), self._draft.with_strategy(name))

    @Slot(int)
    def _choose_domain(self, position: int) -> None:
        domain = self.domain_box.itemData(position)
        followed = self._draft.strategy == self._advised() and self._draft.is_preset
        draft = self._draft.with_domain(domain)
        if followed:
            draft = draft.with_strategy(self._advised(domain))
        self._edit(self.tr("Change kind of pictures"), draft)

    @Slot(object)
    def choose_fit(self, fit: Fit) -> None:
        """Make pictures square this way in the next run; the weights' own way is none in particular."""
        usual = backbone(self._draft.backbone).preprocessing.fit
        self._edit(
            self.tr("Change how pictures become square"), self._draft.with_changes(fit=None if fit == usual else fit)
        )

    @Slot()
    def _reset(self) -> None:
        self._edit(self.tr("Back to preset"), self._draft.with_strategy(self._draft.strategy))

    @Slot()
    def _begin_drag(self) -> None:
        self._drag += 1

    @Slot(str)
    def _choose_cut(self, stage: str) -> None:
        key = f"drag {self._drag}" if self.freeze.slider.isSliderDown() else ""
        self._edit(self.tr("Freeze up to another stage"), self._draft.with_cut(stage), key)

    @Slot(str, bool)
    def _choose_learning(self, name: str, learns: bool) -> None:
        found = toggled(self._stages(), self._draft.shown_phase, name, learns)
        if found:
            text = self.tr("Let {0} learn") if learns else self.tr("Freeze {0}")
            self._edit(text.format(name), self._draft.with_cut(*found))

    @Slot(str, object)
    def _choose_number(self, field: str, value: object) -> None:
        self._edit(self.tr("Change settings"), self._draft.with_changes(**{field: value}), field)

    def _edit(self, text: str, draft: Draft, key: str = "") -> None:
        if draft == self._draft:
            self._refresh()  # a box may show what was not taken
        else:
            self.undo_stack.push(_Edit(text, self._draft, draft, self._show, key))

    @Slot(object)
    def _take_recalled(self, event: Event) -> None:
        # Only while nobody has begun to edit, and while its project is still the one that is open.
        if isinstance(event, Recalled) and event.project == self._project and not self.undo_stack.count():
            self._recalled = True
            self._show(event.draft)

    def _show(self, draft: Draft) -> None:
        self._draft = draft
        self._refresh()
        if self.isVisible():
            self._look_up_layers()
        self.recipe_changed.emit(draft.recipe)

    # Showing

    def _refresh(self) -> None:
        recipe = self._draft.recipe
        for box, value in ((self.backbone_box, recipe.backbone), (self.domain_box, recipe.domain)):
            with QSignalBlocker(box):
                box.setCurrentIndex(box.findData(value))
        self._show_strategy(recipe)
        self.strip.show_recipe(recipe)
        self.form.show_recipe(recipe)
        self._show_advice(recipe)
        self._show_freezing(recipe)
        self._show_counts()
        spec = backbone(recipe.backbone)
        short = spec.title.removeprefix("EfficientNet-")  # the rail is narrow
        self.summary_changed.emit(f"{short} · {strategies.what_learns(recipe.phases[-1], spec)}")

    def _show_strategy(self, recipe: Recipe) -> None:
        """Choose the strategy's line; a cut of one's own gets a line of its own below that."""
        box, title = self.strategy_box, strategies.title_of(recipe)
        with QSignalBlocker(box):
            own = box.findData(True, _OWN_CUT)
            if own >= 0:
                box.removeItem(own)
            at = box.findData(recipe.strategy)
            if title != strategies.title(recipe.strategy):
                at += 1
                box.insertItem(at, title, recipe.strategy)
                box.setItemData(at, True, _OWN_CUT)
            box.setCurrentIndex(at)

    def _show_advice(self, recipe: Recipe) -> None:
        advised = self._advised()
        for position in range(self.strategy_box.count()):
            name = self.strategy_box.itemData(position)
            self.strategy_box.setItemData(position, STRATEGIES[name], Qt.ItemDataRole.ToolTipRole)
            if not self.strategy_box.itemData(position, _OWN_CUT):
                marked = self.tr("★ {0} (advised)") if self._pictures and name == advised else "{0}"
                self.strategy_box.setItemText(position, marked.format(strategies.title(name)))
        self.strategy_box.setToolTip(STRATEGIES[recipe.strategy])
        self._show_next_step()
        changed = not self._draft.is_preset
        self.reset_button.setVisible(changed)
        self.reset_button.setToolTip(
            self.tr("Undo your own changes to “{0}”").format(strategies.title(recipe.strategy))
        )
        missing = self._without_weights.get(recipe.backbone) if recipe.pretrained else None
        self.missing.show_missing(missing)
        self.advice.setVisible(missing is None)
        if not self._pictures:
            self.advice.setText(self.tr("Advice comes with your pictures. {0}").format(STRATEGIES[recipe.strategy]))
            return
        advice = from_table(self._pictures, self._classes, recipe.domain)
        per_class = figures.count(round(self._pictures / max(self._classes, 1)))
        why = self.tr("Advised for {0} training pictures a class: {1}. {2}")
        self.advice.setText(why.format(per_class, strategies.title(advised).lower(), " ".join(advice.reasons)))

    def _show_next_step(self) -> None:
        ready = self._classes >= FEWEST_CLASSES and self._pictures > 0
        self.next_button.setEnabled(ready)
        why = self.tr("Training needs pictures in at least two classes; add them in step 1.")
        self.next_button.setToolTip(self.tr("Go to step 3; nothing starts yet") if ready else why)

    def _show_freezing(self, recipe: Recipe) -> None:
        phase = self._draft.shown_phase
        names = [stage.name for stage in backbone(recipe.backbone).stages if stage.name != "pool"]
        self.freeze.show_cuts(names, phase.train_from)
        why = self.tr(
            "Random weights are not worth keeping: every stage learns. Choose another strategy to freeze some."
        )
        self.freeze.allow(recipe.pretrained, why)
        self.tree.layers().set_editable(recipe.pretrained, why)
        self.tree.show_outline(self._stages() or uncounted(backbone(recipe.backbone)), phase)

    def _show_counts(self) -> None:
        stages = self._outlines.get(self._key())
        if not stages:
            self.summary.setText(self.tr("Looking at the layers…") if self._job else "")
            return
        recipe = self._draft.recipe
        learn, total = counted(in_phase(stages, recipe.phases[-1]))
        text = self.tr("{0} of {1} learn ({2})")
        text = text.format(figures.count(learn), figures.count(total), figures.share(learn, total))
        if self._pictures:
            seconds = run_seconds(recipe, stages, self._pictures, self._machine)
            text = self.tr("{0} · about {1}").format(text, figures.rough_duration(seconds))
        self.summary.setText(text)

    def _advised(self, domain: Domain | None = None) -> str:
        return from_table(self._pictures, self._classes, domain or self._draft.domain).strategy

    # Layers

    def _key(self) -> tuple[str, int]:
        return self._draft.backbone, max(self._classes, FEWEST_CLASSES)

    def _stages(self) -> tuple[StageOutline, ...]:
        """The layers of the chosen backbone; while they are looked up for new classes, those for the old ones."""
        found = self._outlines.get(self._key())
        if found:
            return found
        others = [stages for (name, _), stages in self._outlines.items() if name == self._draft.backbone]
        return others[-1] if others else ()

    def _look_up_layers(self) -> None:
        self._wanted = self._key()
        if self._wanted in self._outlines or self._job:
            return
        name, classes = self._wanted
        phase = self._draft.shown_phase
        self._job = Job(partial(_outline, name, classes, phase), self)
        self._job.reported.connect(self._take_outline)
        self._job.failed.connect(self._take_failure)
        self._job.finished.connect(self._end_job)
        self._job.start()
        self._show_counts()

    @Slot(object)
    def _take_outline(self, event: Event) -> None:
        if isinstance(event, Outlined):
            classes = event.stages[-1].output_shape[0]
            self._outlines[event.backbone, classes] = event.stages

    @Slot(object)
    def _take_failure(self, error: TLStudioError) -> None:
        self._wanted = None
        self.failed.emit(error)

    @Slot()
    def _end_job(self) -> None:
        job, self._job = self._job, None
        if job:
            job.deleteLater()
        self._refresh()
        if self._wanted and self._wanted not in self._outlines:
            self._look_up_layers()

    # Weights

    @Slot()
    def look_for_weights(self) -> None:
        """Find out which backbones have their weights here; again at every look, for they may have come meanwhile."""
        if self._weights_job:
            return
        self._weights_job = Job(_weights, self)
        self._weights_job.reported.connect(self._take_weights)
        self._weights_job.failed.connect(self.failed)
        self._weights_job.finished.connect(self._end_weights_job)
        self._weights_job.start()

    @Slot(object)
    def _take_weights(self, event: Event) -> None:
        if isinstance(event, WeightsFound):
            self._without_weights.pop(event.backbone, None)
            if event.path is None or event.state == "wrong":
                self._without_weights[event.backbone] = event

    @Slot()
    def _end_weights_job(self) -> None:
        job, self._weights_job = self._weights_job, None
        if job:
            job.deleteLater()
        self._list_backbones()
        for position in range(self.backbone_box.count()):
            name = self.backbone_box.itemData(position)
            title = self._entry(backbone(name))
            missing = self.tr("⚠ {0} (no weights)").format(title)
            self.backbone_box.setItemText(position, missing if name in self._without_weights else title)
        self._show_advice(self._draft.recipe)

    def showEvent(self, shown: QShowEvent) -> None:
        super().showEvent(shown)
        self._look_up_layers()
        self.look_for_weights()

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() in (QEvent.Type.LocaleChange, QEvent.Type.LanguageChange):
            self._refresh()


def _weights(_stop: Stop) -> Iterator[Event]:
    return tasks.weights_list()


def _outline(name: str, classes: int, phase: Phase, _stop: Stop) -> Iterator[Event]:
    yield from tasks.load_engine()
    yield from tasks.outline(name, classes, phase)
