"""What other starts of the program ask of the window that runs."""

import logging

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from tlstudio.ui.instance import GREETING, LONGEST, TAKEN, Request

_log = logging.getLogger("tlstudio")


class Arrivals(QObject):
    """Listens for second starts while this is the session's window.

    Signals:
        came: a Request. It has been checked for its form; what lies behind its paths is the window's to find out.
    """

    came = Signal(object)

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._greet)

    def listen(self, server: str) -> bool:
        """Begin. Call it with the session's lock in hand: what stands there already is the leavings of a crash."""
        QLocalServer.removeServer(server)
        listening = self._server.listen(server)
        if not listening:
            _log.warning("other starts cannot reach this window: %s", self._server.errorString())
        return listening

    @Slot()
    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    @Slot()
    def _greet(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            caller = _Caller(socket, self)
            caller.asked.connect(self.came)


class _Caller(QObject):
    """One second start, from its call to its end.

    Signals:
        asked: its Request.
    """

    asked = Signal(object)

    def __init__(self, socket: QLocalSocket, owner: QObject) -> None:
        super().__init__(owner)
        self._socket = socket
        socket.setParent(self)
        socket.setReadBufferSize(LONGEST + 1)
        socket.readyRead.connect(self._read)
        socket.disconnected.connect(self.deleteLater)
        socket.write(GREETING)

    @Slot()
    def _read(self) -> None:
        if not self._socket.canReadLine():
            if self._socket.bytesAvailable() > LONGEST:
                self._refuse("too long")
            return
        try:
            request = Request.decode(bytes(self._socket.readLine(LONGEST).data()))
        except ValueError as error:
            self._refuse(str(error))
            return
        self._socket.write(TAKEN)
        self._socket.disconnectFromServer()  # once that is written
        self.asked.emit(request)

    def _refuse(self, why: str) -> None:
        _log.warning("a message to this window was ignored: %s", why)
        self._socket.abort()
