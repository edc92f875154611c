"""ATM as SunATM captures it: `vpi`, `vci`, and the circuits that have names."""

from __future__ import annotations

from cbpf.compiler.predicates import Predicate, all_of, any_of, equal, one_of
from cbpf.compiler.relations import compare
from cbpf.compiler.scope import Scope, needs, within
from cbpf.compiler.values import Const, Load
from cbpf.language.syntax import Field

# The virtual path is the second byte of the header, the virtual channel the two behind it.
_LARGEST = {"vpi": 0xFF, "vci": 0xFFFF}

# Channels of path 0: metasignalling, broadcast and point-to-point signalling, operation and maintenance of segments
# and end to end (ITU-T I.361, I.610), and ILMI.
_CHANNELS = {
    "metac": (1,),
    "bcc": (2,),
    "oamf4sc": (3,),
    "oamf4ec": (4,),
    "oam": (3, 4),
    "oamf4": (3, 4),
    "sc": (5,),
    "ilmic": (16,),
}

# Messages that set up and clear connections (ITU-T Q.2931): release complete, release, connect acknowledge, connect,
# call proceeding, setup; and where their type is.
_MESSAGE_TYPE = 9
_MESSAGES = {
    "connectmsg": ("sc", (0x5A, 0x4D, 0x0F, 0x07, 0x05, 0x02)),
    "metaconnect": ("metac", (0x5A, 0x4D, 0x07, 0x05, 0x02)),
}


def circuit(scope: Scope, word: str) -> Predicate:
    """A keyword: traffic of a circuit, or messages on it."""
    needs(scope, "atm", f"'{word}'")
    if word in _MESSAGES:
        channel, types = _MESSAGES[word]
        return all_of(circuit(scope, channel), one_of(scope.layer.header.byte(_MESSAGE_TYPE), types))
    return all_of(equal(_field(scope, "vpi"), 0), one_of(_field(scope, "vci"), _CHANNELS[word]))


def field(scope: Scope, tree: Field) -> Predicate:
    """`vpi` and `vci`, compared with numbers."""
    needs(scope, "atm", f"'{tree.word}'")
    value = _field(scope, tree.word)
    for _, number in tree.alternatives:
        within(number, _LARGEST[tree.word], f"the {tree.word.upper()}")
    return any_of(*(compare(operator, value, Const(number)) for operator, number in tree.alternatives))


def _field(scope: Scope, word: str) -> Load:
    header = scope.layer.header
    return header.byte(1) if word == "vpi" else header.half(2)
