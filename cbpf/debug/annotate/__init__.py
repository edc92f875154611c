"""What became of the packets of captures in an expression and its program, as coverage tools tell it of code.

Little is counted while packets pass, in machine code (``cbpf.engine.counting``); the rest follows.

    annotator  both are made for each link type that is met, and what was counted is told
    marks      an expression becomes a program that counts, with its primitives in their places
    runs       long lists in it are passed over at once by packets that no part of them holds for
    scan       savefiles are scanned with that, and with the program that decides, which counts, too
    parts      what became of the primitives, and of the groups that they are in
    text       all of it as text for people

>>> found = annotate(["captures/http.pcap"], "tcp port 80 or (udp and not port 53)")
>>> found.packets, found.matched
(35, 20)
>>> [(clause.text, clause.reached, clause.passed) for clause in found.linktypes[0].clauses]
[('tcp port 80', 35, 20), ('udp', 15, 4), ('port 53', 4, 4)]
"""

from __future__ import annotations

from cbpf.debug.annotate.annotator import Annotated, Annotation, Annotator, Counted, annotate
from cbpf.debug.annotate.parts import Clause, Group

__all__ = ["Annotated", "Annotation", "Annotator", "Clause", "Counted", "Group", "annotate"]
