"""Compile what is built into the program: `python packaging/resources.py` after a change in resources/ or of a text.

Collects the texts with a number in them, gives each its English singular and plural, and packs icons, style sheet and
texts into tlstudio/ui/rc_resources.py, which is committed.
"""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ROOT / "resources" / "translations" / "tlstudio_en.ts"
MODULE = ROOT / "tlstudio" / "ui" / "rc_resources.py"
TOOLS = Path(sys.executable).parent


def tool(name: str, *arguments: object) -> None:
    subprocess.run([TOOLS / f"pyside6-{name}", *map(str, arguments)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def fill_in_english() -> None:
    """`%n picture(s)` becomes `%n picture` for one and `%n pictures` for more."""
    tree = ElementTree.parse(TEXTS)
    for message in tree.iter("message"):
        source = message.findtext("source") or ""
        translation = message.find("translation")
        if translation is None:
            continue
        translation.attrib.clear()
        forms = re.sub(r"\((e?s)\)", "", source), re.sub(r"\((e?s)\)", r"\1", source)
        for form, text in zip(translation.iter("numerusform"), forms, strict=True):
            form.text = text
        for location in message.findall("location"):
            message.remove(location)  # line numbers would change the file at every edit of the program
    ElementTree.indent(tree, " ")
    tree.write(TEXTS, encoding="utf-8", xml_declaration=True)


def main() -> None:
    languages = "-source-language", "en", "-target-language", "en"
    tool("lupdate", "-extensions", "py", "-no-obsolete", "-pluralonly", *languages, "tlstudio/ui", "-ts", TEXTS)
    fill_in_english()
    tool("lrelease", TEXTS, "-qm", TEXTS.with_suffix(".qm"))
    tool("rcc", "--format-version", "1", ROOT / "resources" / "resources.qrc", "-o", MODULE)


if __name__ == "__main__":
    main()
