"""The network panel: choose a backbone and a strategy, see and set what learns in it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, Signal, Slot
from PySide6.QtGui import QShowEvent, QUndoCommand, QUndoStack
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from tlstudio.core.advice import Advised, from_table
from tlstudio.core.backbones import backbone
from tlstudio.core.draft import Draft
from tlstudio.core.estimate import Machine, Measured, run_seconds
from tlstudio.core.events import Event
from tlstudio.core.outline import StageOutline, counted, in_phase, toggled, uncounted
from tlstudio.core.preprocessing import Fit
from tlstudio.core.project import Project
from tlstudio.core.recipe import Domain, Recipe
from tlstudio.ui import figures, strategies, theme
from tlstudio.ui.job_queue import JobQueue
from tlstudio.ui.model import measurements
from tlstudio.ui.model.advice_line import AdviceLine
from tlstudio.ui.model.advisor_dialog import AdvisorDialog
from tlstudio.ui.model.choices import Choices
from tlstudio.ui.model.freeze_control import FreezeControl
from tlstudio.ui.model.measurements import Measurement, Remembered
from tlstudio.ui.model.outlines import Outlines
from tlstudio.ui.model.phase_strip import PhaseStrip
from tlstudio.ui.model.rate_dialog import RateDialog
from tlstudio.ui.model.recall import Recalled, recall
from tlstudio.ui.model.settings_form import SettingsForm
from tlstudio.ui.model.tree_pane import TreePane
from tlstudio.ui.model.trials import TrialDialog
from tlstudio.ui.model.variations_dialog import VariationsDialog

FEWEST_CLASSES = 2


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
        seeing_wanted: see what a stage responds to; its name. why_wanted: see why BatchNorm drifts.

    Attributes:
        undo_stack: the recipe edits, for the frame's Edit menu.
    """

    recipe_changed = Signal(object)
    summary_changed = Signal(str)
    failed = Signal(object)
    training_wanted = Signal()
    import_wanted = Signal()
    networks_wanted = Signal()
    seeing_wanted = Signal(str)
    why_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model_panel")
        self.undo_stack = QUndoStack(self)
        self._draft = Draft()
        self._classes, self._pictures = 0, 0
        self._machine = Machine()
        self.outlines = Outlines(self)  # what learns is counted on these
        self._drag = 0
        self._project: Project | None = None
        self._measured: Remembered | None = None
        self._report: tuple[str, Mapping[str, Any]] | None = None
        self._recalled = False  # the draft is that of an earlier run: no advice takes it away
        self._recall = JobQueue(self)
        self._build()
        self._connect()
        self._refresh()

    # What the window asks

    def show_project(self, project: Project | None) -> None:
        """Begin anew for a project: with what its newest run did, or, where there is none, with the advice."""
        self._project, self._measured = project, None
        self._recalled = False
        self._recall.stop()
        for dialog in self.findChildren(TrialDialog):
            dialog.reject()  # what it found would be of another project's pictures
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
        if self._project:
            self._recall.add(partial(measurements.recall, self._project))

    def show_draft(self, draft: Draft) -> None:
        """Take up what an earlier run did."""
        self._recall.stop()
        self._recalled = True
        self.undo_stack.clear()
        self._show(draft)

    def recipe(self) -> Recipe:
        """What Train would do now."""
        return self._draft.recipe

    @Slot(object, object)
    def show_run_report(self, recipe: Recipe | None, report: Mapping[str, Any] | None) -> None:
        """Show in the tree what the chosen run did to the layers. None: no run is chosen, or it has no report."""
        self._report = (recipe.backbone, report) if recipe and report else None
        self._show_movement()

    def _show_movement(self) -> None:
        """Layers of one backbone say nothing about those of another."""
        of, report = self._report or ("", {})
        found = report if of == self._draft.backbone else {}
        self.pane.show_movement(found.get("movement") or {}, found.get("seal") or {})

    @Slot()
    def begin_search(self) -> None:
        """Search among the layers."""
        self.pane.begin_search()

    @Slot(object)
    def take_measurement(self, run: Measured) -> None:
        """Learn from a finished run how fast this machine is (connect TrainingPanel.measured to it)."""
        stages = self.outlines.exactly(run.recipe.backbone, max(self._classes, FEWEST_CLASSES))
        if stages and self._pictures:
            self._machine = self._machine.after_run(run, stages, self._pictures)
            self._show_counts()

    def shut_down(self) -> None:
        """End what works in the background; returns when it has ended."""
        self._recall.shut_down()
        self.outlines.shut_down()
        self.choices.shut_down()

    # Layout

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * theme.SPACE, 2 * theme.SPACE, 2 * theme.SPACE, 2 * theme.SPACE)
        column.setSpacing(theme.SPACE)
        self.choices, self.advice_line = Choices(), AdviceLine()
        self.backbone_box, self.strategy_box = self.choices.backbone_box, self.choices.strategy_box
        self.domain_box = self.choices.domain_box
        self.missing, self.advice = self.advice_line.missing, self.advice_line.advice
        column.addWidget(self.choices)
        column.addWidget(self.advice_line)
        column.addSpacing(theme.SPACE // 2)
        self.summary = QLabel()
        self.summary.setObjectName("parameter_summary")
        self.summary.setProperty("role", "heading")
        self.summary.setToolTip(
            self.tr("How much learns in the last phase. The time is a rough estimate; it gets better after a run.")
        )
        self.strip = PhaseStrip()
        column.addLayout(self._make_phases())
        self.freeze = FreezeControl()
        column.addWidget(self.freeze)
        self.pane = TreePane()
        self.tree = self.pane.tree
        column.addWidget(self.pane, 1)
        column.addSpacing(theme.SPACE // 2)
        self.form = SettingsForm()
        column.addWidget(self.form)
        column.addLayout(self._make_bottom())

    def _make_phases(self) -> QHBoxLayout:
        self.reset_button = QPushButton(self.tr("Back to preset"))
        self.reset_button.setObjectName("reset_button")
        policy = self.reset_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # the rows below stay where they are when it comes and goes
        self.reset_button.setSizePolicy(policy)
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE)
        row.addWidget(self.strip, 1)
        row.addWidget(self.reset_button)
        return row

    def _make_bottom(self) -> QHBoxLayout:
        self.next_button = QPushButton(self.tr("Next: train →"))
        self.next_button.setObjectName("to_training_button")
        self.next_button.setProperty("primary", True)
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE)
        row.addWidget(self.summary, 1)
        row.addWidget(self.next_button)
        return row

    def _connect(self) -> None:
        self.choices.backbone_chosen.connect(self._choose_backbone)
        self.choices.strategy_chosen.connect(self._choose_strategy)
        self.choices.domain_chosen.connect(self._choose_domain)
        self.choices.weights_looked_for.connect(self._show_advice)
        self.choices.failed.connect(self.failed)
        self.reset_button.clicked.connect(self._reset)
        self.outlines.changed.connect(self._refresh)
        self.outlines.failed.connect(self.failed)
        self.freeze.cut_asked.connect(self._choose_cut)
        self.freeze.slider.sliderPressed.connect(self._begin_drag)
        self.tree.layers().learning_asked.connect(self._choose_learning)
        self.tree.cut_wanted.connect(self._choose_cut)
        self.pane.seeing_wanted.connect(self.seeing_wanted)
        self.pane.why_wanted.connect(self.why_wanted)
        self.form.changed.connect(self._choose_number)
        self.form.rates_wanted.connect(self._find_rates)
        self.form.variations_wanted.connect(self._show_variations)
        self.advice_line.measure_wanted.connect(self._measure)
        self.next_button.clicked.connect(self.training_wanted)
        self.missing.import_wanted.connect(self.import_wanted)
        self.missing.networks_wanted.connect(self.networks_wanted)
        self._recall.reported.connect(self._take_recalled)
        self._recall.failed.connect(self.failed)

    # Edits

    @Slot(str)
    def _choose_backbone(self, name: str) -> None:
        self._edit(self.tr("Change backbone"), self._draft.with_backbone(name))

    @Slot(str)
    def _choose_strategy(self, name: str) -> None:
        self._edit(self.tr("Change strategy"), self._draft.with_strategy(name))

    @Slot(str)
    def _choose_domain(self, domain: Domain) -> None:
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

    # Trials on one's own pictures

    @Slot()
    def _measure(self) -> None:
        if self._project is None:
            return
        domain, kept = self._draft.domain, self._measured or Remembered(self._project.folder)
        table = from_table(self._pictures, self._classes, domain)
        missing = self._draft.backbone in self.choices.without_weights
        dialog = AdvisorDialog(self._project, self._draft.backbone, domain, table, kept, missing, self)
        dialog.measured.connect(self._take_measured)
        dialog.strategy_chosen.connect(self._choose_strategy)
        dialog.backbone_chosen.connect(self._choose_backbone)
        self._open(dialog)

    @Slot(object, object)
    def _take_measured(self, project: Project, found: Measurement) -> None:
        if self._project is project and found.advised.measured:
            kept = self._measured or Remembered(self._project.folder)
            # The newest comes first, so that it is the one that is found.
            self._measured = replace(kept, measurements=(found, *kept.measurements))
            self._refresh()

    @Slot()
    def _find_rates(self) -> None:
        if self._project:
            dialog = RateDialog(self._project, self._draft.recipe, self)
            dialog.rates_chosen.connect(self._choose_rates)
            self._open(dialog)

    @Slot(object)
    def _choose_rates(self, rates: Mapping[str, float]) -> None:
        names = {"head": "head_lr", "late": "backbone_lr", "early": "early_lr"}
        changed = {names[group]: rate for group, rate in rates.items()}
        self._edit(self.tr("Use the rates that were found"), self._draft.with_changes(**changed))

    @Slot()
    def _show_variations(self) -> None:
        if self._project:
            recipe = self._draft.recipe
            preprocessing = backbone(recipe.backbone).preprocessing
            preprocessing = replace(preprocessing, fit=recipe.fit or preprocessing.fit)
            self._open(VariationsDialog(self._project, preprocessing, recipe.phases[-1].augment, self))

    def _folder(self) -> Path | None:
        return self._project.folder if self._project else None

    def _open(self, dialog: QDialog) -> None:
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _edit(self, text: str, draft: Draft, key: str = "") -> None:
        if draft == self._draft:
            self._refresh()  # a box may show what was not taken
        else:
            self.undo_stack.push(_Edit(text, self._draft, draft, self._show, key))

    @Slot(object)
    def _take_recalled(self, event: Event) -> None:
        # Only while nobody has begun to edit, and while its project is still the one that is open.
        here = self._folder()
        if isinstance(event, Recalled) and event.project == here and not self.undo_stack.count():
            self._recalled = True
            self._show(event.draft)
        if isinstance(event, Remembered) and event.project == here:
            self._measured = event
            self._show_advice()

    def _show(self, draft: Draft) -> None:
        self._draft = draft
        self._refresh()
        if self.isVisible():
            self._look_up_layers()
        self.recipe_changed.emit(draft.recipe)

    # Showing

    @Slot()
    def _refresh(self) -> None:
        recipe = self._draft.recipe
        self.choices.show_recipe(recipe)
        self.strip.show_recipe(recipe)
        self.form.show_recipe(recipe)
        self._show_advice()
        self._show_freezing(recipe)
        self._show_counts()
        spec = backbone(recipe.backbone)
        short = spec.title.removeprefix("EfficientNet-")  # the rail is narrow
        self.summary_changed.emit(f"{short} · {strategies.what_learns(recipe.phases[-1], spec)}")

    @Slot()
    def _show_advice(self) -> None:
        recipe = self._draft.recipe
        self._show_next_step()
        missing = self.choices.without_weights.get(recipe.backbone) if recipe.pretrained else None
        self.advice_line.show_missing(missing)
        self.reset_button.setVisible(not self._draft.is_preset)
        self.reset_button.setToolTip(
            self.tr("Undo your own changes to “{0}”").format(strategies.title(recipe.strategy))
        )
        self.choices.mark(self._advised() if self._pictures else "")
        self.form.allow_trials(self._can_try(), missing is None)
        if not self._pictures:
            self.advice_line.show_none(recipe)
            return
        self.advice_line.allow(self._can_try())
        if advice := self._measured_advice(recipe.domain):
            self.advice_line.show_measured(advice)
        else:
            advice = from_table(self._pictures, self._classes, recipe.domain)
            self.advice_line.show_table(advice, round(self._pictures / max(self._classes, 1)))

    def _can_try(self) -> bool:
        return self._project is not None and self._classes >= FEWEST_CLASSES and self._pictures > 0

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
        self._show_movement()

    def _show_counts(self) -> None:
        stages = self.outlines.exactly(*self._key())
        if not stages:
            self.summary.setText(self.tr("Looking at the layers…") if self.outlines.is_looking() else "")
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
        domain = domain or self._draft.domain
        advice = self._measured_advice(domain) or from_table(self._pictures, self._classes, domain)
        return advice.strategy

    def _measured_advice(self, domain: Domain) -> Advised | None:
        """What was measured with this backbone on the pictures as they are; None where nothing was."""
        found = self._measured.measurements if self._measured else ()
        of = self._draft.backbone, domain
        return next((each.advised for each in found if (each.backbone, each.domain) == of), None)

    # Layers

    def _key(self) -> tuple[str, int]:
        return self._draft.backbone, max(self._classes, FEWEST_CLASSES)

    def _stages(self) -> tuple[StageOutline, ...]:
        """The layers of the chosen backbone, as far as they are known yet."""
        return self.outlines.nearest(*self._key())

    def _look_up_layers(self) -> None:
        if self.outlines.look_up(*self._key(), self._draft.shown_phase):
            self._show_counts()

    @Slot()
    def look_for_weights(self) -> None:
        """Find out which backbones have their weights here; they may have come meanwhile."""
        self.choices.look_for_weights()

    def showEvent(self, shown: QShowEvent) -> None:
        super().showEvent(shown)
        self._look_up_layers()
        self.look_for_weights()

    def changeEvent(self, change: QEvent) -> None:
        super().changeEvent(change)
        if change.type() in (QEvent.Type.LocaleChange, QEvent.Type.LanguageChange):
            self._refresh()
