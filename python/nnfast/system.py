"""What this installation can do."""

from __future__ import annotations

import platform

import numpy as np

from nnfast import _core, levels
from nnfast.levels.compiled import SUPPORTED
from nnfast.threads import get_num_threads


def info() -> dict[str, str | int | list[str]]:
    """Version, levels and instruction sets, threads, and what the core was built with."""
    return {
        "version": _core.__version__,
        "levels": levels.available(),
        "fastest_level": levels.resolve("fastest"),
        "instruction_sets": [
            name if supported else f"{name} (not on this processor)"
            for name, supported in SUPPORTED.items()
        ],
        "threads": get_num_threads(),
        "compiler": _core.compiler,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }
