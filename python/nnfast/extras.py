"""Optional packages, imported where they are needed."""

from __future__ import annotations

import importlib
from typing import Any


def load(module: str, *, extra: str, purpose: str) -> Any:
    """The module of an optional package.

    extra: the extra of nnfast that installs it; purpose: what needs it, the start of the sentence.

    Raises ImportError with the command that installs it, where it cannot be imported.
    """
    package = module.partition(".")[0]
    try:
        importlib.import_module(package)
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{purpose} needs {package}; install it with: pip install "nnfast[{extra}]"'
        ) from error
