"""Checkpoints: files from which a training goes on as if nothing had stopped it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnfast import files, validation
from nnfast.callbacks import Callback
from nnfast.history import HISTOGRAMS
from nnfast.tensorfile import FormatError

if TYPE_CHECKING:
    from nnfast.network import Network
    from nnfast.training import Training

StrPath = str | os.PathLike[str]


class Checkpoint(Callback):
    """Write the network and all that its training needs to go on, after every `every` epochs.

    path: of the file; "{epoch}" in its name, or a format such as "{epoch:04}", stands for the
        number of epochs done, and then the newest `keep` files stay and older ones are deleted.

    A file is complete or not there: it is written beside its place and renamed. `fit(resume=path)`
    goes on from the newest one, bit for bit; `nnfast.load` reads each as a network.

    Raises ValueError or TypeError for arguments out of range or another field in the path.
    """

    goes_last = True

    def __init__(self, path: StrPath, every: int = 1, keep: int = 3) -> None:
        self.path = os.fspath(path)
        self.every = validation.whole_number("every", every)
        self.keep = validation.whole_number("keep", keep)
        _numbered(self.path, 0)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        done = epoch + 1
        if done % self.every and not self.training.history.stop_reason:
            return
        files.save(self.network, _numbered(self.path, done), _describe(self.training))
        for old in _found(self.path)[self.keep :]:
            old.unlink(missing_ok=True)


class Snapshot:
    """A training as a checkpoint has it: the network, its history and its callbacks' states."""

    def __init__(self, path: Path, level: str) -> None:
        self.path = path
        network, extra = files.read(path, level)
        if extra is None:
            raise FormatError(f"{path} is a network without its training; nnfast.load reads it.")
        self.network, self.arrays = network, extra.arrays
        try:
            self.history, self.stop_reason, self.callbacks = (
                extra.description[key] for key in ("history", "stop_reason", "callbacks")
            )
            self.history = list(self.history)
            self.kinds = [kind for kind, _ in self.callbacks]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"{path} does not describe a training: {error}") from error

    def require_network(self, own: Network) -> None:
        """Refuse to resume a training of another network."""
        kept = self.network
        if (own.layers, own.architecture) != (kept.layers, kept.architecture):
            raise ValueError(f"{self.path} was written by another network, {kept!r}, not {own!r}.")
        if own.door.forgotten() != kept.door.forgotten():
            options = f"{kept.door.forgotten().options}, not {own.door.forgotten().options}"
            raise ValueError(f"{self.path} was written by a network with {options}.")

    def require(self, training: Training, optimizer: Any) -> None:
        """Refuse to resume a training with another optimizer, other data or callbacks."""
        own, kept = training.network, self.network
        if optimizer is not None and optimizer != kept.optimizer:
            raise ValueError(
                f"{self.path} was written by a training with {kept.optimizer!r}; expected the same "
                f"optimizer or None, not {optimizer!r}."
            )
        if not np.array_equal(own.frozen, kept.frozen):
            raise ValueError(
                f"{self.path} has other frozen parameters; freeze the same ones first."
            )
        records = [name for name in self.history if name not in HISTOGRAMS]
        if records != training.names:
            raise ValueError(
                f"{self.path} has records of {', '.join(records)}; expected the same validation "
                f"data and metrics, not {', '.join(training.names)}."
            )
        now = [type(callback).__name__ for callback in _with_state(training)]
        if self.kinds != now:
            raise ValueError(
                f"{self.path} has the states of these callbacks: {', '.join(self.kinds) or 'none'};"
                f" expected the same in the same order, not {', '.join(now) or 'none'}."
            )

    def restore(self, training: Training) -> None:
        """Put the training where it was when the file was written."""
        arrays = self.arrays
        try:
            training.history.restore(self.history, arrays)
            training.history.stop_reason = self.stop_reason
            pairs = zip(_with_state(training), self.callbacks, strict=True)
            for k, (callback, (_, state)) in enumerate(pairs):
                prefix = f"callback {k} "
                own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
                callback.set_state({**state, **own})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"{self.path} does not describe a training: {error}") from error


def newest(path: StrPath, level: str) -> Snapshot | None:
    """What the newest checkpoint of this path holds; None where there is none."""
    found = _found(os.fspath(path))
    return Snapshot(found[0], level) if found else None


def _describe(training: Training) -> files.Extra:
    """All of a training that is not part of its network."""
    callbacks: list[tuple[str, dict[str, Any]]] = []
    arrays = training.history.arrays()
    for k, callback in enumerate(_with_state(training)):
        state = callback.get_state()
        own = {name for name, value in state.items() if isinstance(value, np.ndarray)}
        arrays |= {f"callback {k} {name}": state[name] for name in own}
        plain = {name: value for name, value in state.items() if name not in own}
        callbacks.append((type(callback).__name__, plain))
    history = training.history
    description = {
        "history": history.names,
        "stop_reason": history.stop_reason if training.ended_for_good else "",
        "callbacks": callbacks,
    }
    return files.Extra(description, arrays)


def _with_state(training: Training) -> list[Callback]:
    """The callbacks that have a state to keep."""
    stateless = Callback.get_state
    return [callback for callback in training.callbacks if type(callback).get_state != stateless]


def _numbered(path: str, epoch: int) -> Path:
    directory, name = os.path.split(path)
    try:
        return Path(directory, name.format(epoch=epoch))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(
            f"path is {path!r}; expected no field in braces but {{epoch}} in the file's name."
        ) from error


def _found(path: str) -> list[Path]:
    """The files that `path` stands for, the newest first."""
    directory, name = os.path.split(path)
    parts = re.split(r"\{epoch[^}]*\}", name)
    pattern = re.compile(r"(\d+)".join(map(re.escape, parts)))
    folder = Path(directory or ".")
    found = []
    for file in folder.iterdir() if folder.is_dir() else ():
        if match := pattern.fullmatch(file.name):
            epoch = int(match[1]) if match.groups() else 0
            found.append((file.stat().st_mtime_ns, epoch, file))
    return [file for _, _, file in sorted(found, reverse=True)]
