"""Whether there is enough to train on, said so that a person knows what is missing."""

from PySide6.QtCore import QCoreApplication

from tlstudio.core.events import Inspected


def why_not_trainable(found: Inspected | None) -> str:
    """Why training cannot start with these pictures; empty when it can."""
    if found is None or not found.classes:
        return QCoreApplication.translate(
            "readiness", "Training needs pictures. Add a folder with one folder inside it per class."
        )
    if len(found.classes) < 2:
        return QCoreApplication.translate(
            "readiness", "Training needs pictures in at least two classes. You have one: add another."
        )
    for name, counts in found.classes.items():
        if not counts.get("train"):
            return QCoreApplication.translate(
                "readiness", "Class “{name}” has no picture to train on. Add some."
            ).format(name=name)
    if not any(counts.get("val") for counts in found.classes.values()):
        return QCoreApplication.translate("readiness", "There are no pictures to check with. Add more of each class.")
    return ""
