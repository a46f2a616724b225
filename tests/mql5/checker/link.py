"""A proxy for Redis that a scenario can cut and mend."""

import socket
import threading
from contextlib import suppress


class Link:
    def __init__(self, port):
        self.target, self.open, self.pairs = port, True, []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, word):
        if word not in ("cut", "mend"):
            raise ValueError(f"a link can be cut or mended, not {word}")
        self.open = word == "mend"
        while not self.open and self.pairs:
            for end in self.pairs.pop():
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self):
        """Ends it, with its threads: an interpreter that ends with a hundred of them crashes."""
        self.set("cut")
        self.listening.shutdown(socket.SHUT_RDWR)  # which close alone would not tell the waiting thread
        self.listening.close()

    def _accept(self):
        while True:
            try:
                near, _ = self.listening.accept()
            except OSError:
                return
            if not self.open:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def _carry(source, sink):
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.close()
