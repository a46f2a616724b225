"""The same for asyncio: `Fleet`, `Publisher`, `Reader` and `Worker`, each to be used within one event loop.

The parameters are those of the classes of the same names in `mt5redis`; what they decide and decode is the same code.
"""

from .fleet import Fleet
from .publisher import Publisher
from .readers import Reader
from .workers import Task, Worker

__all__ = ["Fleet", "Publisher", "Reader", "Task", "Worker"]
