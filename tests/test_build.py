"""What was compiled: symbols, instructions, libraries, floating-point state, bounds of memory."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nnfast import _core

ROOT = Path(__file__).parents[1]

STATE = """
import signal
import threading
import numpy as np

def exact():
    tiny, one = np.float32(2.0**-126), np.float32(1)
    subnormal = tiny / np.float32(4) * np.float32(4) == tiny and 2.0**-1074 * 2.0**52 == 2.0**-1022
    to_nearest = one + np.float32(2.0**-24) == one and -one - np.float32(2.0**-24) == -one
    return bool(subnormal and to_nearest)

def check(when):
    seen = [exact()]
    thread = threading.Thread(target=lambda: seen.append(exact()))
    thread.start()
    thread.join()
    assert seen == [True, True], when

check("at first")
import nnfast
check("after the import")
X = np.random.default_rng(0).random((512, 100))
for level in nnfast.levels.available()[1:]:
    for dtype in ("float32", "float64"):
        net = nnfast.Network([100, 90, 10], dtype=dtype, level=level)
        net.fit(X, X[:, :10], epochs=1, batch_size=256)
        net.predict(X)
        check(level)

if hasattr(signal, "setitimer"):  # a signal's handler runs in the middle of a training
    seen = []
    signal.signal(signal.SIGALRM, lambda number, frame: seen.append(exact()))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    while not seen:
        net.fit(X, X[:, :10], epochs=200, verbose=0)
    assert seen == [True], "during a training"
print("exact")
"""


def run(*command):
    """Output of a program that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_floating_point_state_is_left_alone():
    assert run(sys.executable, "-c", STATE).strip() == "exact"


def tool(name):
    found = shutil.which(name)
    if not found:
        pytest.skip(f"needs {name}")
    return found


def test_no_runtime_of_openmp_or_blas():
    if sys.platform != "linux":
        pytest.skip("reads ELF files")
    needed = re.findall(r"NEEDED.*\[(.*)\]", run(tool("readelf"), "-d", _core.__file__))
    # a repaired wheel brings its own libstdc++-0123abcd.so; musl's C library is libc.musl-*.so
    known = r"lib(stdc\+\+|m|gcc_s|c|pthread)(-\w+)?\.(so|musl)|ld-(linux|musl)"
    assert [name for name in needed if not re.match(known, name)] == []


def cmake_text():
    path = ROOT / "CMakeLists.txt"
    if not path.exists():
        pytest.skip("needs the source tree")
    return re.sub(r"#.*", "", path.read_text())


def kernel_flags():
    """{instruction set: its flags} of this processor's architecture."""
    text = cmake_text()
    options = re.search(r"set\(nnfast_options ([^)]*)\)", text).group(1).split()
    sets = {name: flags.split() for name, flags in re.findall(r"add_kernels\((\w+)(.*)\)", text)}
    return {name: options + flags for name, flags in sets.items() if name in _core.levels()}


@pytest.fixture(scope="module")
def kernel_objects(tmp_path_factory):
    """The kernels of every instruction set, compiled with as little inlining as -O1 brings."""
    if sys.platform != "linux":
        pytest.skip("reads ELF files")
    compiler, source = tool("g++"), ROOT / "cpp" / "kernels" / "kernels.cpp"
    folder = tmp_path_factory.mktemp("kernels")
    objects = {isa: folder / f"{isa}.o" for isa in kernel_flags()}
    running = []
    for isa, flags in kernel_flags().items():
        command = [compiler, "-std=gnu++17", "-fPIC", *flags, "-O1", f"-DNNFAST_ISA={isa}"]
        running.append(subprocess.Popen([*command, "-c", source, "-o", objects[isa]]))
    assert [process.wait() for process in running] == [0] * len(running)
    return objects


def test_kernels_share_no_symbol(kernel_objects):
    """One global name each; a weak one could be merged with that of another instruction set."""
    nm = tool("nm")
    assert set(kernel_objects) == set(_core.levels())
    for isa, path in kernel_objects.items():
        lines = [line.split() for line in run(nm, "-C", "--defined-only", str(path)).splitlines()]
        shared = [(kind, name) for _, kind, name in (line[:3] for line in lines)
                  if kind.isupper() or kind in "uvw"]  # fmt: skip
        assert shared == [("D", f"nnfast::kernels_{isa}")]


def test_kernels_use_the_registers_of_their_instruction_set(kernel_objects):
    if "avx2" not in kernel_objects:
        pytest.skip("x86-64 only")
    objdump = tool("objdump")
    code = {isa: run(objdump, "-d", str(path)) for isa, path in kernel_objects.items()}
    assert not re.search(r"%[yz]mm|vfmadd", code["baseline"])
    assert "%zmm" not in code["avx2"]
    for isa in ("avx2", "avx512"):
        assert "vfmadd" in code[isa]
    assert "%zmm" in code["avx512"]


@pytest.mark.parametrize("flag", ["-ffast-math", "-Ofast", "-funsafe-math-optimizations"])
def test_build_refuses_fast_math(tmp_path, flag):
    cmake = tool("cmake")
    cmake_text()
    done = subprocess.run(
        [cmake, "-S", ROOT, "-B", tmp_path, f"-DCMAKE_CXX_FLAGS={flag}",
         "-DSKBUILD_PROJECT_VERSION=0.0.0"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "nnfast refuses fast-math flags" in done.stderr


GUARDED = """
import ctypes, itertools, mmap
import numpy as np
from nnfast import levels
from nnfast.formulas import OPTIMIZERS

libc = ctypes.CDLL(None, use_errno=True)
libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
kept = []

def at_the_end_of_a_page(array):
    size = -(-array.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = np.frombuffer(mmap.mmap(-1, size + mmap.PAGESIZE), np.uint8)
    assert libc.mprotect(memory.ctypes.data + size, mmap.PAGESIZE, 0) == 0
    kept.append(memory)
    result = memory[size - array.nbytes : size].view(array.dtype).reshape(array.shape)
    result[...] = array
    return result

def guarded(shape, dtype):
    array = np.full(shape, 0.25, dtype)
    if array.size:
        array = at_the_end_of_a_page(array)
    return array

for level in levels.available()[2:]:
    for dtype, sizes in itertools.product(("float32", "float64"), SIZES):
        activations, biases = ("tanh", "sigmoid"), (True, False)
        architecture = levels.Architecture(sizes, activations, biases, "quadratic", dtype)
        count = architecture.parameter_count
        implementation = levels.LEVELS[level](architecture)
        for rows in (1, 3, 9, 70):
            p, X, Y = (guarded(s, dtype) for s in [(count,), (rows, sizes[0]), (rows, sizes[-1])])
            implementation.forward(p, X)
            implementation.loss_and_gradient(p, X, Y)
            for cls in OPTIMIZERS.values():
                slots = guarded((cls().slots, count), dtype)
                implementation.train(p, levels.TrainingState(slots, 0, 1), X, Y, epochs=1,
                                     batch_size=4, optimizer=cls(), shuffle=True)
print("within")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="guards pages with mprotect")
def test_no_memory_behind_the_arrays_is_touched():
    """Behind every array lies a page that may not be read: a process of its own would crash."""
    script = GUARDED.replace("SIZES", "((1, 1, 1), (2, 4, 1), (5, 17, 3), (16, 33, 9))")
    assert run(sys.executable, "-c", script).strip() == "within"
