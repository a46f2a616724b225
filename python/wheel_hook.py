"""Makes a wheel for one system, with the C library and the licences of what it contains: `scripts/wheels.sh` names them in the
environment. Without them the wheel has no library, and is for reading."""

import os
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelHook(BuildHookInterface):
    """hatchling calls it before it packs."""

    def initialize(self, version, build_data):
        """Adds the library and names the system."""
        if version != "standard":
            return
        for name in ("LICENSE-MIT", "LICENSE-APACHE"):
            build_data["force_include"][str(Path(self.root).parent / name)] = f"mt5redis/{name}"
        library = os.environ.get("MT5REDIS_WHEEL_LIBRARY")
        if library:
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{os.environ['MT5REDIS_WHEEL_PLATFORM']}"
            build_data["force_include"][library] = f"mt5redis/{Path(library).name}"
            build_data["force_include"][os.environ["MT5REDIS_WHEEL_LICENCES"]] = "mt5redis/THIRD-PARTY-LICENSES.txt"
