"""Where a reader stands, in a file that is replaced as a whole: who is killed goes on behind the last item that was finished."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .errors import ConfigurationError
from .sequences import Sequences

_VERSION = 1


class Cursor:
    """A file with the place in each stream; or, without a path, nothing that lasts."""

    def __init__(self, path: str | Path | None) -> None:
        self._path = None if path is None else Path(path)
        self.streams: dict[str, Any] = {}
        self._saved = ""
        if self._path is not None and self._path.exists():
            self.streams = self._load(self._path)

    def _load(self, path: Path) -> dict[str, Any]:
        try:
            stored = json.loads(path.read_text())
            if stored["version"] != _VERSION:
                raise ValueError(f"its version is {stored['version']}")
            streams: dict[str, Any] = stored["streams"]
            for place in streams.values():
                milliseconds, number = place["id"].split("-")
                int(milliseconds), int(number)
                Sequences.restored(place["seen"])
            return streams
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{path} is no cursor of a reader: {error}. Delete it to start anew") from None

    def save(self, streams: dict[str, Any]) -> None:
        """Replaces what is stored."""
        if self._path is None:
            return
        text = json.dumps({"version": _VERSION, "streams": self.streams | streams}, separators=(",", ":"))
        if text != self._saved:
            written = self._path.with_name(self._path.name + ".new")
            written.write_text(text)
            os.replace(written, self._path)
            self._saved = text
