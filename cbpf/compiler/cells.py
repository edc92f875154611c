"""Which scratch cell keeps which variable: two variables may share one if they are never wanted at the same time."""

from __future__ import annotations

from collections.abc import Collection

from cbpf.compiler.graph import Let, Node
from cbpf.compiler.liveness import wanted_behind, wanted_variables
from cbpf.compiler.values import Variable


def assign_cells(order: list[Node], kept: Collection[Variable]) -> dict[Variable, int]:
    """A cell, numbered from 0, for each of the variables ``kept`` that is read.

    ``order`` has every node before those it leads to.
    """
    if not kept:
        return {}
    wanted = wanted_variables(order)
    read = frozenset[Variable]().union(*wanted.values())
    rivals: dict[Variable, set[Variable]] = {}
    for node in order:
        _rival(rivals, wanted[node])
        if isinstance(node, Let) and node.variable in read:  # stored even where nobody wants it any more
            _rival(rivals, wanted_behind(node, wanted) | {node.variable})
    cells: dict[Variable, int] = {}
    for node in order:
        if isinstance(node, Let) and (variable := node.variable) in kept and variable in read and variable not in cells:
            taken = {cells[other] for other in rivals[variable] if other in cells}
            cells[variable] = next(cell for cell in range(len(taken) + 1) if cell not in taken)
    return cells


def _rival(rivals: dict[Variable, set[Variable]], together: frozenset[Variable]) -> None:
    for variable in together:
        rivals.setdefault(variable, set()).update(together - {variable})
