"""The box that says which program this is."""

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from tlstudio import __version__


def show_about(window: QWidget) -> None:
    """Open it over a window."""
    title = QCoreApplication.translate("about", "About TL Studio")
    text = QCoreApplication.translate(
        "about",
        "TL Studio {version}\n\nAdapts a pretrained image network to your own classes, on this computer only.\n\n"
        "The window is made with Qt and PySide6, under the LGPL version 3; the networks run on PyTorch.",
    )
    box = QMessageBox(QMessageBox.Icon.NoIcon, title, text.format(version=__version__))
    box.setParent(window, Qt.WindowType.Dialog)
    box.setIconPixmap(window.windowIcon().pixmap(64, 64))
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
