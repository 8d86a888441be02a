import os
from pathlib import Path, PureWindowsPath

import pytest

from tlstudio.core.sorting import TRAY, folder_names, numbered

HOSTILE = (
    *(
        "..",
        ".",
        "",
        " ",
        "/",
        "/etc/passwd",
        "a/b",
        "a_b",
        "a\\b",
        "..\\..\\up",
        "C:\\x",
        "c:",
        "~",
        ".hidden",
        "a/../../b",
    ),
    *(
        "CON",
        "con.txt",
        "nul",
        "COM1",
        "lpt9.jpg",
        "CONIN$",
        "tail.",
        "tail ",
        " tail",
        "tail...",
        "a\0b",
        "a\nb",
        "a\tb",
    ),
    *(
        "Ants",
        "ants",
        "ANTS",
        "é",
        "e\u0301",
        "ß",
        "ss",
        "\udcff",
        "\ud800",
        "\u202egnp",
        "<b>",
        "?*|",
        TRAY,
        TRAY.upper(),
    ),
    *("x" * 255, "x" * 256, "ä" * 200, "x" * 100_000, "\u200b", "-rf", "=1+1", "flower (2)"),
)


def test_any_class_gets_a_folder_of_its_own_that_every_system_takes() -> None:
    names = folder_names(HOSTILE)
    assert set(names) == set(HOSTILE)
    assert len({name.casefold() for name in names.values()} | {TRAY}) == len(HOSTILE) + 1
    for name in names.values():
        assert name
        assert 0 < len(os.fsencode(name)) <= 128
        assert name.isprintable()
        assert not set(name) & set('<>:"/\\|?*')
        assert not name.startswith((".", " "))
        assert not name.endswith((".", " "))
        assert PureWindowsPath(name).name == name
        assert name.split(".")[0].upper() not in {"CON", "NUL", "COM1", "LPT9", "CONIN$"}


def test_fine_names_stay_as_they_are_and_a_class_has_one_name_whatever_the_others() -> None:
    fine = ["ants", "stag beetle", "Käfer", "ants & bees", "-rf", "flower (2)"]
    assert folder_names(fine) == {name: name for name in fine}
    alone = {label: name for label in HOSTILE for name in folder_names([label]).values()}
    together = folder_names(HOSTILE)
    assert together["a/b"] == alone["a/b"] != together["a_b"] == "a_b"
    assert together["CON"] == alone["CON"]


@pytest.mark.parametrize("name", ["a.jpg", "noending", ".hidden", "x" * 250 + ".jpeg", "ä" * 125 + ".tar.gz"])
def test_a_number_keeps_the_ending_and_the_length(name: str) -> None:
    assert numbered(name, 1) == name
    second = numbered(name, 12)
    assert " (12)" in second
    assert second.endswith(Path(name).suffix)
    assert len(os.fsencode(second)) <= 255
