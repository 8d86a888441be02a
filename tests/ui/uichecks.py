"""Checks any window can be held to, in process, with or without a screen; each returns its complaints."""

from collections import Counter

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAction, QPalette
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QSplitter,
    QWidget,
)


def name(w):
    return f"{type(w).__name__}#{w.objectName() or '?'}"


def shown(win, kind=QWidget):
    return [w for w in win.findChildren(kind) if w.isVisibleTo(win)]


def inner(w):
    """Parts that Qt makes inside its own widgets (a spin box's line edit, a view's scroll bars)."""
    return w.objectName().startswith("qt_") or isinstance(w.parent(), (QAbstractSpinBox, QComboBox))


def unnamed(win):
    """Everything the keyboard can reach has a name a screen reader can say."""
    out = []
    for w in shown(win):
        if w.focusPolicy() == Qt.NoFocus or inner(w) or isinstance(w, QSplitter):
            continue
        i = QAccessible.queryAccessibleInterface(w)
        if i is None or not i.text(QAccessible.Text.Name).strip():
            out.append(name(w))
    return out


def unexplained(win):
    """A button without text has a tool tip."""
    return [name(b) for b in shown(win, QAbstractButton) if not b.text() and not b.toolTip() and not inner(b)]


def clipped(win):
    """No fixed text is cut off: labels and buttons are at least as large as their text needs."""
    out = []
    for w in shown(win, QLabel) + shown(win, QAbstractButton):
        if not w.text() or (isinstance(w, QLabel) and w.wordWrap()):
            continue
        need = w.fontMetrics().size(Qt.TextShowMnemonic, w.text()) if w.text()[:1] != "<" else w.sizeHint()
        if need.width() > w.width() + 1 or need.height() > w.height() + 1:
            out.append(
                f"{name(w)} {w.text()[:30]!r} needs {need.width()}x{need.height()}, has {w.width()}x{w.height()}"
            )
    return out


def outside(win):
    """Nothing lies outside its parent, unless the parent scrolls."""
    out = []
    for w in shown(win):
        p = w.parentWidget()
        if w.isWindow() or isinstance(p, QAbstractScrollArea) or isinstance(p.parentWidget(), QAbstractScrollArea):
            continue
        if not p.rect().contains(w.geometry()) and not w.geometry().isEmpty():
            out.append(f"{name(w)} at {w.geometry().getRect()} in {p.width()}x{p.height()}")
    return out


def shortcuts(win):
    """No key is bound twice; menu mnemonics are unique among the visible buttons."""
    keys = Counter(k.toString() for a in win.findChildren(QAction) for k in a.shortcuts() if not k.isEmpty())
    mnem = Counter(
        i.text(QAccessible.Text.Accelerator)
        for b in shown(win, QAbstractButton)
        if (i := QAccessible.queryAccessibleInterface(b)) and i.text(QAccessible.Text.Accelerator)
    )
    return [f"{k} x{n}" for k, n in (keys + mnem).items() if n > 1]


def unreachable(win):
    """Tab visits every enabled control that takes focus, and comes back."""
    want = {
        w for w in shown(win) if w.focusPolicy() & Qt.TabFocus and w.isEnabled() and not inner(w) and w.isEnabledTo(win)
    }
    seen, w = set(), win
    for _ in range(2000):
        w = w.nextInFocusChain()
        if w is win or w in seen:
            break
        seen.add(w)
    return [name(w) for w in want - seen]


def ratio(a, b):
    def lum(c):
        v = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in (c.redF(), c.greenF(), c.blueF())]
        return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]

    hi, lo = sorted((lum(a), lum(b)), reverse=True)
    return (hi + 0.05) / (lo + 0.05)


def contrast(palette, least=4.5):
    """WCAG AA for the palette's text on its grounds (3.0 is enough for placeholder and disabled text)."""
    R = QPalette.ColorRole
    pairs = [
        (R.WindowText, R.Window),
        (R.Text, R.Base),
        (R.Text, R.AlternateBase),
        (R.ButtonText, R.Button),
        (R.HighlightedText, R.Highlight),
        (R.ToolTipText, R.ToolTipBase),
        (R.Link, R.Base),
    ]
    out = [
        f"{f.name} on {b.name}: {r:.1f}" for f, b in pairs if (r := ratio(palette.color(f), palette.color(b))) < least
    ]
    if (r := ratio(palette.color(R.PlaceholderText), palette.color(R.Base))) < 3:
        out.append(f"PlaceholderText on Base: {r:.1f}")
    return out


def small(win, least=24):
    """Every button is a fair target for a hand with a mouse (WCAG 2.2: 24 x 24)."""
    return [
        f"{name(b)} {b.width()}x{b.height()}"
        for b in shown(win, QAbstractButton)
        if min(b.width(), b.height()) < least and not inner(b)
    ]


ALL = (unnamed, unexplained, clipped, outside, shortcuts, unreachable, small)


def complaints(win):
    return {f.__name__: r for f in ALL if (r := f(win))}
