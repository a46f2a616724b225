"""A proxy for Redis that a scenario can cut and mend."""

import socket
import threading
from contextlib import suppress


class Link:
    def __init__(self, port):
        self.target, self.open, self.ended, self.pairs = port, True, False, []
        self.lock = threading.Lock()  # of `open` and `pairs`
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, word):
        if word not in ("cut", "mend"):
            raise ValueError(f"a link can be cut or mended, not {word}")
        with self.lock:
            self.open = word == "mend"
            cut, self.pairs = ([], self.pairs) if self.open else (self.pairs, [])
        for pair in cut:
            end(*pair)

    def close(self):
        """Ends it, with its threads: an interpreter that ends with a hundred of them crashes."""
        self.ended = True
        self.set("cut")
        self.listening.shutdown(socket.SHUT_RDWR)  # which close alone would not tell the waiting thread
        self.listening.close()

    def _accept(self):
        while not self.ended:
            # One connection that fails must not end the link: everybody else would wait for an answer.
            with suppress(OSError):
                near, _ = self.listening.accept()
                self._connect(near)

    def _connect(self, near):
        far = None
        with suppress(OSError):
            far = socket.create_connection(("127.0.0.1", self.target)) if self.open else None
        with self.lock:
            # It may have been cut meanwhile.
            carries = far is not None and self.open
            if carries:
                self.pairs.append((near, far))
        if not carries:
            near.close()
            if far:
                far.close()
            return
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source, sink):
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        # The other direction waits in recv, and closing would not wake it: then neither end hears that this is over.
        end(source, sink)
        with self.lock:
            self.pairs = [pair for pair in self.pairs if source not in pair]
        source.close()


def end(*sockets):
    """Ends these connections, also for threads that wait for them."""
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
