"""The machine's own ceiling: multiply-adds per second, measured by a few lines of C++."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nnfast import levels

# level: (bytes of a vector, compiler options)
VECTORS = {
    "avx2": (32, ["-mavx2", "-mfma"]),
    "avx512": (64, ["-mavx512f", "-mfma", "-mprefer-vector-width=512"]),
    "neon": (16, []),
}


def build(folder: Path) -> dict[str, Path]:
    """Compile the measurement for every level with fused multiply-add; {} without a compiler."""
    compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        return {}
    source = Path(__file__).with_name("peak.cpp")
    libraries = {}
    for name in levels.available():
        if name not in VECTORS:
            continue
        width, options = VECTORS[name]
        library = folder / f"peak_{name}.so"
        command = [compiler, "-O3", "-std=c++17", "-shared", "-fPIC", f"-DBYTES={width}", *options]
        done = subprocess.run([*command, str(source), "-o", str(library)], capture_output=True)
        if done.returncode == 0:
            libraries[name] = library
    return libraries


def measure(library: Path, dtype: str, threads: int, seconds: float) -> float:
    """Multiply-adds per second of this many threads together."""
    peak = getattr(ctypes.CDLL(str(library)), f"peak_{dtype}")
    peak.argtypes, peak.restype = [ctypes.c_double], ctypes.c_double
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(peak, [seconds] * threads))
