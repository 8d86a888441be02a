"""Numbers as people read them, in their locale."""

from PySide6.QtCore import QCoreApplication, QLocale

from tlstudio.core.events import Interval

_MINUTE, _HOUR = 60, 3600
_NEARLY_ALL = 0.999
_TINY = 5e-5  # with two digits it would be 0.00 %
_NARROW = 3  # percentage points; a narrower interval needs a digit after the point


def _tr(text: str) -> str:
    return QCoreApplication.translate("figures", text)


def count(number: int) -> str:
    """A whole number with the locale's grouping: 11,179,077."""
    return QLocale().toString(number)


def number(value: float, digits: int) -> str:
    """A number with so many digits after the point: 0.482."""
    return QLocale().toString(value, "f", digits)


def size(bytes_: int) -> str:
    """How much disk something takes, in decimal units as file managers show it: 47 MB, 1.2 GB."""
    if bytes_ < 1_000_000:
        return _tr("{0} kB").format(count(-(-bytes_ // 1000)))
    if bytes_ < 1_000_000_000:
        return _tr("{0} MB").format(count(round(bytes_ / 1e6)))
    return _tr("{0} GB").format(number(bytes_ / 1e9, 1))


def percent(share: float, digits: int = 1) -> str:
    """A share of 1 as a percentage: 93.2 %."""
    return _tr("{0} %").format(number(100 * share, digits))


def share(part: int, whole: int) -> str:
    """How much a part is of a whole, with more digits where it is small: 0.004 %, 0.02 %, 75.1 %.

    Only all of it is 100 %.
    """
    value = part / whole if whole else 0.0
    digits = 0 if value in (0.0, 1.0) else 3 if value < _TINY else 2 if value < 0.01 else 1
    return percent(min(value, _NEARLY_ALL) if value < 1 else value, digits)


def accuracy(value: float, interval: Interval) -> str:
    """An accuracy and its 95 % interval, which is seldom even: 91.7 % (65–98)."""
    low, high = (100 * end for end in interval)
    digits = 0 if high - low >= _NARROW else 1
    return _tr("{0} ({1}–{2})").format(percent(value), number(low, digits), number(high, digits))


def duration(seconds: float) -> str:
    """A time, as exact as anybody cares: 40 s, 3 min, 1 h 20 min."""
    if seconds < _MINUTE:
        return _tr("{0} s").format(count(max(1, round(seconds))))
    if seconds < _HOUR - 30:
        return _tr("{0} min").format(count(round(seconds / _MINUTE)))
    minutes = round(seconds / _MINUTE)
    return _tr("{0} h {1} min").format(count(minutes // 60), count(minutes % 60))


def rough_duration(seconds: float) -> str:
    """An estimate of a time, not more exact than it is: 5 s, 40 s, 3 min."""
    if 10 <= seconds < _MINUTE:
        seconds = 10 * round(seconds / 10)
    return duration(max(seconds, 1))


def rate(value: float) -> str:
    """A learning rate: 1e-3, 2.5e-4."""
    mantissa, exponent = f"{value:.3e}".split("e")
    mantissa = QLocale().toString(float(mantissa), "g", 4)
    return f"{mantissa}e{int(exponent)}"
