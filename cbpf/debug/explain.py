"""What an expression means: in English, with everything implied written out, as a tree, and where it looks.

    explain(expression, linktype) -> Explanation

``Explanation.qualified`` is an expression too, and matches the same packets. Offsets are in bytes from the start of the
packet, and of the layers as the text alone gives them.
"""

from __future__ import annotations

from typing import NamedTuple

from cbpf.compiler import families
from cbpf.compiler.layers import ETHERTYPE, IP_VERSION, Layer
from cbpf.compiler.predicates import Constant
from cbpf.compiler.values import FARTHEST, Address, variables
from cbpf.debug.english import Meaning, meaning, sentences
from cbpf.debug.qualify import qualify
from cbpf.debug.spelling import written
from cbpf.debug.subject import MOVERS, TUNNELS, Joint, Reading, Subject, fold, read
from cbpf.errors import Span
from cbpf.language.names import Names
from cbpf.language.syntax import And, Keyword, Not, Primitive
from cbpf.linktypes import linktype_name


class Place(NamedTuple):
    """Bytes from the start of the packet; ``behind`` names what is found only in the packet, else it is None."""

    offset: int
    behind: str | None = None

    def __str__(self) -> str:
        if self.behind is None:
            return f"byte {self.offset}"
        return f"{self.offset} bytes into {self.behind}" if self.offset else f"the start of {self.behind}"


class Link(NamedTuple):
    """What a primitive takes the packet for: a link layer, where its header begins, the field that names the protocol,
    what that field is called, and where the network header begins. Places are None where the layer has none.
    """

    name: str
    header: Place | None
    protocol: Place | None
    field: str
    network: Place | None


class Shift(NamedTuple):
    """An encapsulation keyword, and what it does to the primitives ``affected``, all that are written after it.

    ``moved`` is by how many bytes the network header moves, None if that differs from packet to packet. ``always``
    tells whether it moves them even in packets that do not match it.
    """

    span: Span
    word: str
    before: Link
    after: Link
    moved: int | None
    always: bool
    affected: tuple[Span, ...]


class Node(NamedTuple):
    """A node of the syntax tree: "and", "or", "not", or "primitive", of which ``text`` is what was written."""

    kind: str
    span: Span
    text: str
    operands: tuple[Node, ...] = ()


class Explanation(NamedTuple):
    """``meaning`` and ``tree`` are None for an empty expression; ``english`` is the meaning in lines of text."""

    expression: str
    linktype: str
    english: tuple[str, ...]
    meaning: Meaning | None
    qualified: str
    tree: Node | None
    link: Link
    shifts: tuple[Shift, ...]


def explain(
    expression: str,
    linktype: int,
    names: Names | None = None,
    netmask: int | None = None,
    *,
    target: str = "savefile",
) -> Explanation:
    """Explain an expression for packets of this LINKTYPE number, in savefiles or, if that is the ``target``, in Linux.

    ``netmask`` (32 bits) is that of the captured network, which `ip broadcast` needs. Raises FilterError as compiling
    does, except that an expression which no packet can match is explained like any other.
    """
    subject = read(expression, linktype, names, netmask, target=target)
    said = meaning(subject)
    return Explanation(
        expression,
        linktype_name(linktype),
        tuple(sentences(said)),
        said,
        qualify(subject),
        _tree(subject),
        _link(subject.layer),
        tuple(_shifts(subject)),
    )


def notes(said: Meaning | None) -> tuple[str, ...]:
    """What the primitives of a meaning imply that nobody would guess, each once."""
    found: dict[str, None] = {}
    pending = [said] if said else []
    while pending:
        part = pending.pop()
        found.update(dict.fromkeys(part.notes))
        pending.extend(reversed(part.parts))
    return tuple(found)


def _tree(subject: Subject) -> Node | None:
    def primitive(node: Primitive) -> Node:
        return Node("primitive", node.span, written(node, subject.expression))

    def joint(node: Joint, parts: list[Node]) -> Node:
        kind = "not" if isinstance(node, Not) else "and" if isinstance(node, And) else "or"
        return Node(kind, node.span, subject.text(node.span), tuple(parts))

    return fold(subject.tree, primitive, joint) if subject.tree else None


# Where things are.

# What names the protocol of the payload, by how it is recognised.
_FIELDS = {
    families.ethernet: "EtherType",
    families.ethertype: "EtherType",
    families.cooked: "EtherType",
    families.cooked2: "EtherType",
    families.llc: "802.2 header",
    families.raw_ip: "IP version",
    families.ppp: "PPP protocol",
}


def _link(layer: Layer) -> Link:
    header, network = _place(layer.header), _place(layer.net)
    if layer.headless:
        return Link(layer.name, None, None, "", network)
    if layer.recognise is None:
        return Link(layer.name, header, None, "", None)
    if layer.labels:
        return Link(f"{layer.name} with MPLS", header, network, "IP version", network)
    if all(isinstance(layer.carries(protocol), Constant) for protocol in (*IP_VERSION, ETHERTYPE["atalk"])):
        return Link(layer.name, header, None, "", network)
    return Link(layer.name, header, _place(layer.protocol), _FIELDS.get(layer.recognise, "protocol field"), network)


def _place(address: Address) -> Place | None:
    """None for a place in front of the packet: where a payload begins is not known of all link types."""
    if address.base is None:
        return Place(address.offset) if address.offset < FARTHEST else None
    named = sorted(variable.name for variable in variables(address.base))
    return Place(address.offset, f"the {named[-1].partition(' at ')[0]}" if named else "a part of variable length")


def _shifts(subject: Subject) -> list[Shift]:
    found = []
    for number, reading in enumerate(subject.readings):
        primitive = reading.primitive
        if isinstance(primitive, Keyword) and primitive.word in MOVERS | TUNNELS:
            behind = tuple(each.primitive.span for each in subject.readings[number + 1 :])
            before, after = reading.layer.net, reading.moved.net
            moved = after.offset - before.offset if after.base == before.base else None
            found.append(_shift(primitive, reading, moved, behind))
    return found


def _shift(primitive: Keyword, reading: Reading, moved: int | None, behind: tuple[Span, ...]) -> Shift:
    always = primitive.word in MOVERS
    return Shift(primitive.span, primitive.word, _link(reading.layer), _link(reading.moved), moved, always, behind)
