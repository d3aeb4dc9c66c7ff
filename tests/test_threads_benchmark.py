"""`python -m benchmarks.threads`: several threads beside one."""

import math
from contextlib import nullcontext

import pytest

from benchmarks import threads


@pytest.mark.parametrize("company", [nullcontext, threads.busy_process])
def test_ratio_of_two_numbers_of_threads(company):
    with company():
        ratio = threads.faster("predict 2-32-32-1, 20,000 rows", 2, turns=3)
    assert 0 < ratio < math.inf


@pytest.mark.parametrize("name", threads.CASES)
def test_every_case_can_be_called(name):
    threads.CASES[name]()()
