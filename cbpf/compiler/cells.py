"""Which scratch cell keeps which variable: two variables may share one if they are never wanted at the same time."""

from __future__ import annotations

from cbpf.compiler.graph import Let, Node
from cbpf.compiler.liveness import wanted_behind, wanted_variables
from cbpf.compiler.values import Variable


def assign_cells(order: list[Node]) -> dict[Variable, int]:
    """A cell for every variable that is used, numbered from 0. ``order`` has every node before those it leads to."""
    wanted = wanted_variables(order)
    rivals: dict[Variable, set[Variable]] = {}
    for node in order:
        _rival(rivals, wanted[node])
        if isinstance(node, Let) and node.variable in (behind := wanted_behind(node, wanted)):
            _rival(rivals, behind)
    cells: dict[Variable, int] = {}
    for node in order:
        if isinstance(node, Let) and node.variable in rivals and node.variable not in cells:
            taken = {cells[other] for other in rivals[node.variable] if other in cells}
            cells[node.variable] = next(cell for cell in range(len(taken) + 1) if cell not in taken)
    return cells


def _rival(rivals: dict[Variable, set[Variable]], together: frozenset[Variable]) -> None:
    for variable in together:
        rivals.setdefault(variable, set()).update(together - {variable})
