"""Which loads are sure to come: what every way from a node that can still accept the packet makes sure of."""

from __future__ import annotations

from cbpf.compiler.graph import REJECT, Node, Verdict, node_hazards, successors
from cbpf.compiler.values import ANCILLARY, Load, Value

EVERYTHING = ANCILLARY  # behind a rejection nothing can be lost: any load would only have rejected as well


def needs(order: list[Node]) -> dict[Node, int]:
    """For every node, how many bytes of the packet each accepting way from there on makes sure are captured."""
    reach: dict[Node, int] = {}
    for node in reversed(order):
        if isinstance(node, Verdict):
            reach[node] = EVERYTHING if node is REJECT else 0
            continue
        own = (load.offset + load.size for load in node_hazards(node) if isinstance(load, Load) and load.base is None)
        later = min(reach[following] for following in successors(node))
        reach[node] = max(later, *(end for end in own if end < EVERYTHING), 0)
    return reach


def sure_later(hazard: Value, reach: int) -> bool:
    """Whether a hazard is no loss where this many bytes are made sure of later."""
    if reach == EVERYTHING:
        return True
    return isinstance(hazard, Load) and hazard.base is None and hazard.offset + hazard.size <= reach
