from __future__ import annotations

import doctest

import cbpf.machine


def test_the_worked_example_works() -> None:
    results = doctest.testmod(cbpf.machine)
    assert results.attempted >= 4
    assert results.failed == 0
