from __future__ import annotations

import pytest

from cbpf.engine import Semantics, run
from cbpf.errors import ProgramError
from cbpf.machine import assemble
from tests.engine.running import verdict

BOTH: list[Semantics] = ["libpcap", "linux"]


@pytest.mark.parametrize("semantics", BOTH)
@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("ret a", 0),
        ("txa\n ret a", 0),
        ("ret #0xffffffff", 0xFFFFFFFF),
        ("ld #5\n ret a", 5),
        ("ldx #5\n txa\n ret a", 5),
        ("ld #5\n tax\n ld #6\n txa\n ret a", 5),
        ("ld #5\n tax\n ret a", 5),
    ],
)
def test_returns_and_moves(text: str, result: int, semantics: Semantics) -> None:
    assert verdict(text, semantics=semantics) == result


@pytest.mark.parametrize("semantics", BOTH)
@pytest.mark.parametrize("cell", range(16))
def test_every_scratch_cell_keeps_its_own_value(cell: int, semantics: Semantics) -> None:
    stores = "".join(f"ld #{100 + i}\n st M[{i}]\n" for i in range(16))
    x_stores = "".join(f"ldx #{100 + i}\n stx M[{i}]\n" for i in range(16))
    assert verdict(f"{stores} ld M[{cell}]\n ret a", semantics=semantics) == 100 + cell
    assert verdict(f"{x_stores} ldx M[{cell}]\n txa\n ret a", semantics=semantics) == 100 + cell


@pytest.mark.parametrize("text", ["ld M[3]\n add #1\n ret a", "ldx M[3]\n txa\n add #1\n ret a"])
def test_unwritten_scratch_memory_is_0_to_libpcap_and_refused_by_linux(text: str) -> None:
    assert verdict(text) == 1
    with pytest.raises(ProgramError, match=r"reads M\[3\]"):
        run(assemble(text), b"", semantics="linux")
