"""Choosing verdict functions for interfaces, and what is said when there is none."""

from __future__ import annotations

import pytest

from cbpf.capture import Interface
from cbpf.cli.verdicts import Choice
from cbpf.errors import CbpfError, FilterError, Reason
from cbpf.machine import Program

RAW, ETHERNET, COOKED = Interface(101), Interface(1, number=3, name="eth0"), Interface(113)


class Judging:
    """Refuses the link types it has an error for; remembers what it was asked."""

    def __init__(self, refusals: dict[int, CbpfError]) -> None:
        self.refusals = refusals
        self.asked: list[int] = []

    def __call__(self, linktype: int) -> Program:
        self.asked.append(linktype)
        if linktype in self.refusals:
            raise self.refusals[linktype]
        return Program([(6, 0, 0, linktype)])


def refusal(reason: Reason) -> FilterError:
    return FilterError("no", reason=reason)


def test_each_link_type_is_asked_about_once() -> None:
    judge, reports = Judging({1: refusal(Reason.NOT_ON_THIS_LINKTYPE)}), list[str]()
    choice = Choice(judge, reports.append)
    for path in ("a", "b"):
        for interface in (RAW, ETHERNET, RAW, COOKED, ETHERNET):
            program = choice(path, interface)
            assert (program and program[0].k) == {101: 101, 1: None, 113: 113}[interface.linktype]
    assert judge.asked == [101, 1, 113]


def test_refusals_are_reported_once_for_each_file_and_link_type() -> None:
    error = refusal(Reason.NOT_ON_THIS_LINKTYPE)
    reports = list[str]()
    choice = Choice(Judging({1: error, 113: error}), reports.append)
    for path in ("a", "-"):
        for interface in (ETHERNET, COOKED, ETHERNET, ETHERNET._replace(number=5)):
            choice(path, interface)
    assert reports == [
        "a: interface 3 'eth0' (EN10MB): no",
        "a: interface 0 (LINUX_SLL): no",
        "standard input: interface 3 'eth0' (EN10MB): no",
        "standard input: interface 0 (LINUX_SLL): no",
    ]
    assert (choice.accepted, choice.refused) == (False, True)


@pytest.mark.parametrize("reason", [Reason.SYNTAX, Reason.UNKNOWN_NAME, Reason.OTHER, Reason.BAD_ADDRESS])
def test_errors_of_the_expression_are_raised(reason: Reason) -> None:
    choice = Choice(Judging({1: refusal(reason)}), lambda _: None)
    with pytest.raises(FilterError, match="no"):
        choice("a", ETHERNET)


def test_but_not_once_it_worked() -> None:
    reports = list[str]()
    choice = Choice(Judging({1: refusal(Reason.OUT_OF_RANGE)}), reports.append)
    assert choice("a", RAW) is not None
    assert choice("a", ETHERNET) is None
    assert len(reports) == 1
    assert (choice.accepted, choice.refused) == (True, True)
