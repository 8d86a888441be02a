"""A run as one HTML page that needs nothing else: no network, no script, no other file.

Every text that came from a file or a person is escaped (`_t`), and the page's own policy forbids the browser to load or
run anything.
"""

import base64
import html
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from tlstudio.core import comparison, events
from tlstudio.core.backbones import BACKBONES
from tlstudio.core.events import Interval
from tlstudio.core.model_facts import plain
from tlstudio.core.recipe import Recipe
from tlstudio.core.run import RunFolder, RunState
from tlstudio.engine import charts, thumbnails

MISTAKES = 24
SIDE, MOST_BYTES = 160, 20_000  # of a picture on the page
MATRIX_CLASSES = 30  # more do not fit on a sheet; then the most frequent mix-ups are listed
MIX_UPS = 50
NOWHERE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def picture(path: Path) -> str:
    """A small picture of a file as a data address, at most 20 kB; empty where it cannot be read."""
    drawn = thumbnails.as_filed(path, SIDE)
    if not drawn.pixels:
        return ""
    image = Image.frombytes("RGB", (drawn.width, drawn.height), drawn.pixels)
    for quality in (85, 70, 50, 30, 10):
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=quality)
        if packed.tell() <= MOST_BYTES:
            break
    return f"data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode()}"


def page(run: RunFolder, report: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """The whole page. pictures: of the mistakes to show, path → data address, empty for one that is not there."""
    state = run.state()
    started = next((e for e in run.history() if isinstance(e, events.RunStarted)), None)
    recipe = state.recipe or Recipe.from_json(json.loads(run.recipe_file.read_text("utf-8")))
    name = f"Run {run.number} · {recipe.strategy}"
    body = [
        f"<header><h1>{_t(name)}</h1><p>{_t(_about(run, recipe, state))}</p></header>",
        _headline(report),
        _section("How it learned", _learned(state)),
        *(_split(report[split], called) for split, called in _splits(report)),
        _section("Most confident mistakes", _mistakes(report, pictures)),
        _section("Recipe", _recipe(recipe, report)),
        _section("What it stands on", _origins(report, started)),
        _section("How to repeat it", _repeating(run, started, report)),
    ]
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{NOWHERE}">'
    head += f'<meta name="viewport" content="width=device-width"><title>{_t(name)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{"".join(body)}</body></html>\n'


def _t(text: object) -> str:
    """Text as HTML: nothing in it is markup, and nothing steers the page."""
    return html.escape(plain(str(text)))


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{_t(title)}</h2>{''.join(parts)}</section>\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """rows: cells as HTML, the first of each its heading."""
    top = "".join(f'<th scope="col">{_t(head)}</th>' for head in heads)
    lines = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    return f'<div class="wide"><table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'


def _facts(pairs: Iterable[tuple[str, object]]) -> str:
    lines = "".join(f"<dt>{_t(name)}</dt><dd>{_t(value)}</dd>" for name, value in pairs if value not in ("", None))
    return f"<dl>{lines}</dl>"


def _share(value: float, interval: Interval | Sequence[float] | None = None) -> str:
    span = f' <span class="span">{interval[0]:.1%} – {interval[1]:.1%}</span>' if interval else ""
    return f"{value:.1%}{span}"


def _about(run: RunFolder, recipe: Recipe, state: RunState) -> str:
    spec = BACKBONES.get(recipe.backbone)
    when = datetime.fromtimestamp(run.report_file.stat().st_mtime).astimezone()
    ended = ", stopped before its end" if state.finished and state.finished.stopped else ""
    project = run.folder.parent.parent.name
    return f"{spec.title if spec else recipe.backbone}, project {project}, {when:%Y-%m-%d %H:%M}{ended}"


def _splits(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    folded = report["val"].get("split") == events.OUT_OF_FOLD
    called = {"test": "Test pictures", "val": "Out of fold" if folded else "Validation pictures"}
    return [(split, called[split]) for split in ("test", "val") if report.get(split)]


def _headline(report: Mapping[str, Any]) -> str:
    cards = [(called, report[split]) for split, called in _splits(report)]
    if repeated := report.get("repeated"):
        cards.append((f"{repeated['repeats']} times {repeated['folds']} folds", repeated))
    shown = "".join(
        f'<div class="card"><h3>{_t(called)}</h3><p class="figure">{figures["accuracy"]:.1%}</p>'
        f"<p>95 % interval {figures['interval'][0]:.1%} – {figures['interval'][1]:.1%}<br>"
        f"{figures['n']:,} pictures</p></div>"
        for called, figures in cards
    )
    notes = [
        "Accuracy: the share of pictures whose class it named. An interval built like these holds the true share "
        "about 95 times in 100."
    ]
    if report.get("test"):
        notes.append("Test pictures were asked about once, at the end; nothing was chosen by them.")
    if report["val"].get("split") == events.OUT_OF_FOLD:
        notes.append(
            "Out of fold: each picture was judged by a network that had not learned from it, and no epoch was chosen "
            "by it: like the model, every fold learned for all its epochs."
        )
    else:
        notes.append("Validation pictures chose the best epoch, so their figure is a little optimistic.")
    if repeated:
        notes.append(
            "Few pictures were held out, so a linear head on the same frozen features was also solved for and judged "
            "by repeated folds of all pictures but the test ones: the steadier figure."
        )
    return f'<section><div class="cards">{shown}</div><p class="note">{_t(" ".join(notes))}</p></section>\n'


def _learned(state: RunState) -> str:
    if not state.epochs:
        return "<p>No epoch was written down.</p>"
    key = '<p class="key"><span class="train">training</span> <span class="val">validation</span></p>'
    drawn = f'<div class="pair">{charts.losses(state.epochs)}{charts.accuracies(state.epochs)}</div>'
    warned = "".join(f'<p class="note">Careful: {_t(text)}</p>' for text in state.warnings)
    return key + drawn + warned


def _split(figures: Mapping[str, Any], called: str) -> str:
    parts = [_classes(figures), "<h3>Taken for</h3>", _confusion(figures["confusion"])]
    if bins := figures.get("reliability"):
        parts += ["<h3>Can its probabilities be believed?</h3>", _reliability(figures, bins)]
    refused = f" {figures['refused']} could not be read." if figures.get("refused") else ""
    accuracy = _share(figures["accuracy"], figures["interval"])
    return _section(called, f"<p>Accuracy {accuracy} on {figures['n']:,} pictures.{refused}</p>", *parts)


def _classes(figures: Mapping[str, Any]) -> str:
    rows = [
        [
            _t(name),
            _share(scores["precision"], scores.get("precision_interval")),
            _share(scores["recall"], scores.get("recall_interval")),
            f"{scores['f1']:.3f}",
            f"{scores['support']:,.0f}",
        ]
        for name, scores in figures["per_class"].items()
    ]
    note = "Precision: of those it called so, how many were. Recall: of those that were, how many it called so."
    heads = ("class", "precision (95 % interval)", "recall (95 % interval)", "F1", "pictures")
    return f'{_table(heads, rows, "figures")}<p class="note">{note}</p>'


def _confusion(confusion: Mapping[str, Any]) -> str:
    """A row per true class, shaded by its share; of very many classes the most frequent mix-ups."""
    labels, counts = confusion["labels"], confusion["counts"]
    if len(labels) > MATRIX_CLASSES:
        pairs = [(counts[i][j], t, s) for i, t in enumerate(labels) for j, s in enumerate(labels) if i != j]
        worst = sorted((pair for pair in pairs if pair[0]), key=lambda pair: -pair[0])[:MIX_UPS]
        return _table(("in truth", "taken for", "pictures"), [[_t(t), _t(s), f"{n:,}"] for n, t, s in worst], "figures")
    top = "".join(f'<th scope="col">{_t(label)}</th>' for label in labels)
    lines = []
    for i, label in enumerate(labels):
        cells = "".join(_cell(count, sum(counts[i]), i == j) for j, count in enumerate(counts[i]))
        lines.append(f'<tr><th scope="row">{_t(label)}</th>{cells}<td class="total">{sum(counts[i])}</td></tr>')
    head = f'<tr><th scope="col">in truth ↓ said →</th>{top}<th scope="col">all</th></tr>'
    table = f'<table class="confusion"><thead>{head}</thead><tbody>{"".join(lines)}</tbody></table>'
    return f'<div class="wide">{table}</div>'


def _cell(count: int, total: int, right: bool) -> str:
    depth = 0.85 * count / total if total and count else 0.0
    return f'<td class="{"right" if right else "wrong"}" style="--depth:{depth:.0%}">{count or "·"}</td>'


def _reliability(figures: Mapping[str, Any], bins: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{b['low']:.1%} – {b['high']:.1%}",
            f"{b['confidence']:.1%}",
            _share(b["accuracy"], b["interval"]),
            f"{b['n']:,}",
        ]
        for b in bins["scaled"]
    ]
    key = '<p class="key"><span class="train">as the network says it</span> <span class="val">after scaling</span></p>'
    note = (
        f"Calibration error {figures['calibration_error']:.3f} after scaling, "
        f"{figures['calibration_error_raw']:.3f} before: the mean gap between the probability given and how often it "
        f"was right. If the probabilities were exactly right, so many pictures would still show "
        f"{figures['calibration_floor']:.3f}."
    )
    table = _table(("probability", "mean", "right (95 % interval)", "pictures"), rows, "figures")
    drawn = f"<div>{charts.reliability(bins['raw'], bins['scaled'])}{key}</div>"
    return f'<div class="pair">{drawn}{table}</div><p class="note">{_t(note)}</p>'


def _mistakes(report: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    found = comparison.mistakes(report)
    if not found:
        return "<p>None.</p>"
    shown, called = [], {split: name.lower() for split, name in _splits(report)}
    for mistake in found[:MISTAKES]:
        address = pictures.get(mistake.path, "")
        image = f'<img src="{address}" alt="">' if address else '<div class="gone">not there any more</div>'
        said = f"<b>{_t(mistake.label)}</b> {mistake.probability:.1%}<br>filed as {_t(mistake.truth)}"
        where = (
            f'<span class="span">{_t(Path(mistake.path).name)} · {_t(called.get(mistake.split, mistake.split))}</span>'
        )
        shown.append(f'<figure title="{_t(mistake.path)}">{image}<figcaption>{said}<br>{where}</figcaption></figure>')
    note = (
        f"The {len(shown)} surest of {len(found)}. A mistake it is sure of is often a wrong label: look at these first."
    )
    return f'<p class="note">{_t(note)}</p><div class="gallery">{"".join(shown)}</div>'


def _recipe(recipe: Recipe, report: Mapping[str, Any]) -> str:
    spec = BACKBONES.get(recipe.backbone)
    pairs: list[tuple[str, object]] = [
        ("network", spec.title if spec else recipe.backbone),
        ("strategy", recipe.strategy),
        ("begins with", "pretrained weights" if recipe.pretrained else "random weights"),
        ("pictures a step", recipe.batch_size),
        ("weight decay", f"{recipe.weight_decay:g}"),
        ("patience", f"{recipe.patience} epochs"),
        ("seed", recipe.seed),
        ("folds", recipe.folds or ""),
        ("temperature", f"{report['temperature']:.3f}" if "temperature" in report else ""),
    ]
    rows = [
        [
            _t(phase.name),
            _t(phase.train_from),
            str(phase.epochs),
            f"{phase.head_lr:g} / {phase.backbone_lr:g} / {phase.early_lr:g}",
            _t(phase.augment),
            _t(phase.bn),
            _t(", ".join(phase.frozen) or "–"),
        ]
        for phase in recipe.phases
    ]
    heads = ("phase", "learns from", "epochs", "rate: head / late / early", "variations", "BatchNorm", "frozen besides")
    return _facts(pairs) + _table(heads, rows, "figures")


def _origins(report: Mapping[str, Any], started: events.RunStarted | None) -> str:
    pairs: list[tuple[str, object]] = []
    origin = report.get("origin")
    while origin:
        pairs += [
            ("weights", origin.get("weights")),
            ("SHA-256", origin.get("sha256")),
            ("licence", origin.get("licence")),
            ("source", origin.get("source")),
        ]
        origin = origin.get("before")
    if started:
        pairs += [(f"{split} pictures", f"{count:,}") for split, count in started.pictures.items() if count]
        pairs += [("device", started.device), ("threads", started.threads)]
        pairs += sorted(started.versions.items())
    return _facts(pairs)


def _repeating(run: RunFolder, started: events.RunStarted | None, report: Mapping[str, Any]) -> str:
    command = f'tlstudio replay "{run.folder}"'
    threads = f" and {started.threads} threads" if started else ""
    note = (
        f"With the same pictures, versions{threads} it gives the same weights to the last bit on a processor, and "
        "names whatever differs."
    )
    digest = [("SHA-256 of the model's weights", report.get("weights_sha256"))]
    return f"<pre>{_t(command)}</pre><p>{_t(note)}</p>{_facts(digest)}"


STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2024; --soft: #5b6570; --rule: #d5dae0; --card: #f4f6f8;
  --train: #b3541e; --val: #1f6fb2; --right: #2e8b57; --wrong: #c0392b; }
@media (prefers-color-scheme: dark) { :root { --paper: #16191d; --ink: #e6e9ec; --soft: #9aa5b1; --rule: #363d45;
  --card: #1f242a; --train: #f0a06a; --val: #6db8f2; --right: #4fb783; --wrong: #ef7c6f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px; max-width: 1080px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; overflow-wrap: break-word; }
dd, pre, figcaption, .confusion th { overflow-wrap: anywhere; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 19px; border-bottom: 1px solid var(--rule); padding-bottom: 4px;
  margin: 32px 0 12px; } h3 { font-size: 15px; margin: 20px 0 6px; } header p, .note, .span { color: var(--soft); }
.note { font-size: 13px; max-width: 80ch; } .span { font-size: 12px; white-space: nowrap; }
.cards, .gallery, .pair { display: grid; gap: 16px; }
.cards { grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); margin-top: 20px; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 16px; }
.card h3, .card p { margin: 0; } .card p { color: var(--soft); font-size: 13px; }
.card .figure { font-size: 34px; line-height: 1.25; color: var(--ink); }
.pair { grid-template-columns: repeat(auto-fit, minmax(min(380px, 100%), 1fr)); align-items: start; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 11px; }
svg .name { fill: var(--ink); font-size: 12px; }
.grid, .border, .whisker { stroke: var(--rule); } .border { stroke-dasharray: 4 3; stroke: var(--soft); }
.whisker { stroke: var(--val); stroke-width: 1.5; opacity: .6; } .line { fill: none; stroke-width: 2; }
.line.train { stroke: var(--train); stroke-dasharray: 5 3; } .line.val { stroke: var(--val); }
.dot.train { fill: var(--train); } .dot.val { fill: var(--val); }
.key { font-size: 13px; margin: 4px 0; } .key span { margin-right: 16px; }
.key span::before { content: ""; display: inline-block; width: 22px; margin-right: 6px; vertical-align: middle; }
.key .train::before { border-top: 2px dashed var(--train); } .key .val::before { border-top: 2px solid var(--val); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px; text-align: left; font-weight: normal; border-bottom: 1px solid var(--rule); }
thead th { color: var(--soft); font-size: 13px; vertical-align: bottom; } .figures { width: 100%; }
.figures td { white-space: nowrap; } .confusion td { text-align: right; min-width: 44px;
  border: 1px solid var(--paper); }
.confusion .right { background: color-mix(in srgb, var(--right) var(--depth), var(--paper)); }
.confusion .wrong { background: color-mix(in srgb, var(--wrong) var(--depth), var(--paper)); }
.confusion th { border: 0; } .confusion .total { color: var(--soft); } .confusion thead th { max-width: 110px; }
.gallery { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); } figure { margin: 0; }
figure img, .gone { width: 100%; height: 140px; object-fit: contain; background: var(--card); border-radius: 4px; }
.gone { display: grid; place-items: center; color: var(--soft); font-size: 12px; }
figcaption { font-size: 13px; line-height: 1.35; margin-top: 4px; } figcaption .span { white-space: normal; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 20px; margin: 8px 0 16px; }
dt { color: var(--soft); } dd { margin: 0; }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 4px; padding: 8px 12px;
  white-space: pre-wrap; }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --rule: #bbb; --card: #fff;
  --train: #b3541e; --val: #1f6fb2; --right: #2e8b57; --wrong: #c0392b; } body { padding: 0; max-width: none;
  font-size: 11px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2, h3, .key { break-after: avoid; }
  tr, figure, .card, svg, pre { break-inside: avoid; } .wide { overflow: visible; }
  .pair { grid-template-columns: 1fr 1fr; } .note, .span, thead th, figcaption, .key { font-size: 9px; }
  th, td { padding: 2px 6px; } .card .figure { font-size: 22px; } .card p { font-size: 10px; }
  .gallery { grid-template-columns: repeat(6, 1fr); } figure img, .gone { height: 90px; } }
"""
