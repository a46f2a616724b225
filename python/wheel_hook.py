"""Makes a wheel for one system, with the C library inside: `scripts/wheels.sh` names both in the environment. Without them the
wheel has no library, and is for reading."""

import os

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelHook(BuildHookInterface):
    """hatchling calls it before it packs."""

    def initialize(self, version, build_data):
        """Adds the library and names the system."""
        library = os.environ.get("MT5REDIS_WHEEL_LIBRARY")
        if library and version == "standard":
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{os.environ['MT5REDIS_WHEEL_PLATFORM']}"
            build_data["force_include"][library] = f"mt5redis/{os.path.basename(library)}"
