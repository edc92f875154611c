"""Which scratch cell keeps which variable: two variables may share one if they are never wanted at the same time."""

from __future__ import annotations

from cbpf.compiler.graph import Let, Node, node_values, successors
from cbpf.compiler.values import Variable, variables


def assign_cells(order: list[Node]) -> dict[Variable, int]:
    """A cell for every variable that is used, numbered from 0. ``order`` has every node before those it leads to."""
    wanted: dict[Node, frozenset[Variable]] = {}  # on the way into a node
    rivals: dict[Variable, set[Variable]] = {}
    for node in reversed(order):
        after = frozenset().union(*(wanted[following] for following in successors(node)))
        before = after
        if isinstance(node, Let) and node.variable is not None and node.variable in after:
            before -= {node.variable}
            _rival(rivals, after)
        before = before.union(*(variables(value) for value in node_values(node)))
        _rival(rivals, before)
        wanted[node] = before
    cells: dict[Variable, int] = {}
    for node in order:
        if isinstance(node, Let) and node.variable in rivals and node.variable not in cells:
            taken = {cells[other] for other in rivals[node.variable] if other in cells}
            cells[node.variable] = next(cell for cell in range(len(taken) + 1) if cell not in taken)
    return cells


def _rival(rivals: dict[Variable, set[Variable]], together: frozenset[Variable]) -> None:
    for variable in together:
        rivals.setdefault(variable, set()).update(together - {variable})
