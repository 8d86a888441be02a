"""Everything a person can ask for, one generator of events each. The window and the command line both call these.

The engine is imported inside, so that asking for the list of tasks does not load torch. To cancel a task, stop asking
it for events and close it; training alone takes `stop`, because it ends by keeping the best weights so far.
"""

from tlstudio.tasks.advising import advise, compare_backbones, find_rate
from tlstudio.tasks.cache import Cache, cache_clear, cache_limit, cache_usage
from tlstudio.tasks.demonstration import demo
from tlstudio.tasks.doubting import Doubts
from tlstudio.tasks.drawing import draw, draw_sample, draw_variations
from tlstudio.tasks.drifting import show_drift
from tlstudio.tasks.editing import decide, edit, mend_leaks, separate
from tlstudio.tasks.engine import devices, load_engine
from tlstudio.tasks.exporting import export, export_apart
from tlstudio.tasks.inspecting import inspect
from tlstudio.tasks.judging import compare, replay, write_report
from tlstudio.tasks.outlining import outline
from tlstudio.tasks.predicting import OpenModel, evaluate, predict
from tlstudio.tasks.resuming import resume
from tlstudio.tasks.scanning import accept, add, difference, not_yet_added, remove, report, scan, split_rule
from tlstudio.tasks.seeing import Seeing, offer
from tlstudio.tasks.sorting import plan_sorting, sort_copies, undo_sorting
from tlstudio.tasks.training import model_to_start_from, train
from tlstudio.tasks.weights import find_networks, weights_fetch, weights_import, weights_list, weights_pack

__all__ = [
    "Cache",
    "Doubts",
    "OpenModel",
    "Seeing",
    "accept",
    "add",
    "advise",
    "cache_clear",
    "cache_limit",
    "cache_usage",
    "compare",
    "compare_backbones",
    "decide",
    "demo",
    "devices",
    "difference",
    "draw",
    "draw_sample",
    "draw_variations",
    "edit",
    "evaluate",
    "export",
    "export_apart",
    "find_networks",
    "find_rate",
    "inspect",
    "load_engine",
    "mend_leaks",
    "model_to_start_from",
    "not_yet_added",
    "offer",
    "outline",
    "plan_sorting",
    "predict",
    "remove",
    "replay",
    "report",
    "resume",
    "scan",
    "separate",
    "show_drift",
    "sort_copies",
    "split_rule",
    "train",
    "undo_sorting",
    "weights_fetch",
    "weights_import",
    "weights_list",
    "weights_pack",
    "write_report",
]
