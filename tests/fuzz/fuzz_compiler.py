"""Fuzzing of the compiler: inputs that nobody thought of, steered by what they make it do.

    pip install atheris                                     # coverage-guided, by libFuzzer
    python -m tests.fuzz.fuzz_compiler seeds FOLDER         # expressions that are known, as inputs to begin with
    python -m tests.fuzz.fuzz_compiler FOLDER -timeout=20 -max_total_time=1200
    python -m tests.fuzz.fuzz_compiler random 60            # without atheris: so many seconds of random changes

An input is two bytes for link type and form, then the expression: as text, or each byte a word of the language.
Whatever it is, only FilterError may come of it, and that with a span in the text; programs must be such as libpcap and
Linux run; and the optimized one must judge some packets as the plain one does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final

try:
    import atheris
except ImportError:
    atheris = None

if atheris is not None:
    with atheris.instrument_imports(include=["cbpf.compiler", "cbpf.language"]):
        import cbpf
else:
    import cbpf

from cbpf import FilterError, Reason
from cbpf.engine import PythonEngine
from cbpf.language.vocabulary import CONSTANTS, KEYWORDS
from cbpf.machine import verify
from tests.expressions import EXPRESSIONS, NETMASK, TUNNELS, FixedNames
from tests.linktypes import KNOWN
from tests.packets import packets
from tests.shared import accepted, refused

LINKTYPES: Final = (*KNOWN, "USER0")
_VALUES: Final = (
    "0 1 2 4 5 6 7 8 12 14 16 22 31 32 53 60 64 80 255 256 443 1500 4095 6081 65535 65536 0xff 0x800 0x86dd 0x80000000 "
    "0xffffffff 1.2.3.4 10.0.0.1 10 172.16 10.0.0.0/8 0.0.0.0/0 fe80::1 ::/0 2001:db8::/33 00:11:22:33:44:55 $21 1.2 "
    "1-2 50-100 web router office printer nosuch tods beacon data mgt ack match short pass em1 lo xid ui \\tcp \\arp"
).split()
_SIGNS: Final = "( ) ( ) [ ] [ ] : = != < > <= >= == + - * / % & | ^ << >>".split()
_JOINED: Final = "and or not and or not".split()
WORDS: Final = [*KEYWORDS, *list(CONSTANTS)[::6], *_VALUES, *_SIGNS, *_JOINED]  # up to 256, one for each byte
_PACKETS: Final = 6
_TEXT, _OF_WORDS = 0, 1  # the form of an input
NAMES: Final = FixedNames()


def one_input(octets: bytes) -> None:
    """Compile an input in all ways; AssertionError, or what the compiler raised, if something is wrong."""
    linktype, text = _meaning(octets)
    target = "linux" if octets[1:2] > b"\x7f" else "savefile"
    plain = _compiled(text, linktype, target, optimize=False)
    optimized = _compiled(text, linktype, target, optimize=True)
    if plain is None:
        assert optimized is None, f"only refused without optimization: {text!r} on {linktype}"
        return
    if target == "savefile":
        _same_verdicts(text, linktype, plain, optimized)


def _meaning(octets: bytes) -> tuple[str, str]:
    """The link type and the expression that an input stands for."""
    kind, form, rest = octets[0:1], octets[1:2], octets[2:]
    linktype = LINKTYPES[int.from_bytes(kind) % len(LINKTYPES)]
    if int.from_bytes(form) % 2 == _OF_WORDS:
        return linktype, " ".join(WORDS[octet % len(WORDS)] for octet in rest)
    return linktype, rest.decode("utf-8", "replace")


def _compiled(text: str, linktype: str, target: str, *, optimize: bool) -> cbpf.Program | None:
    """The program; None if the expression is refused for another reason than that nothing can match it."""
    try:
        compiled = cbpf.compile(text, linktype, netmask=NETMASK, optimize=optimize, names=NAMES, target=target)
    except FilterError as error:
        assert error.expression == text, "an error about another text"
        assert 0 <= error.span.start <= error.span.end <= len(text), f"a span outside of {text!r}"
        assert error.message
        if optimize and error.reason is Reason.MATCHES_NOTHING:
            return cbpf.Program([(0x06, 0, 0, 0)])
        return None
    verify(compiled.program)
    return compiled.program


def _same_verdicts(text: str, linktype: str, plain: cbpf.Program, optimized: cbpf.Program | None) -> None:
    # What division by a constant means may be found out by the optimizer only.
    if optimized is None:
        return
    engines = PythonEngine(plain), PythonEngine(optimized)
    for packet in packets(linktype, len(text), _PACKETS):
        verdicts = [engine.run(packet, len(packet) + 9) for engine in engines]
        assert verdicts[0] == verdicts[1], f"{verdicts} of {packet.hex()} for {text!r} on {linktype}"


def seeds() -> Iterator[bytes]:
    """Inputs to begin with: the tables of the tests, and the collection beside the repository."""
    rows = [*EXPRESSIONS, *TUNNELS]
    rows += [(row.linktype, row.expression) for row in accepted()]
    rows += [(row.linktype, row.expression) for row in refused() if row.linktype in LINKTYPES]
    for linktype, expression in dict.fromkeys(rows):
        yield bytes((LINKTYPES.index(linktype) if linktype in LINKTYPES else 0, _TEXT)) + expression.encode()


def mutated(random: Random, inputs: list[bytes]) -> bytes:
    """One of the inputs, changed here and there; or words in a row; or two inputs in one."""
    chosen = bytearray(random.choice(inputs))
    kind = random.random()
    if kind < 0.3:
        return bytes((random.randrange(256), _OF_WORDS)) + random.randbytes(random.randrange(12))
    if kind < 0.5:
        join = random.choice((b" and ", b" or ", b" and not ", b" "))
        return bytes(chosen) + join + random.choice(inputs)[2:]
    for _ in range(random.randrange(1, 5)):
        place = random.randrange(len(chosen) + 1)
        word = random.choice(WORDS).encode()
        chosen[place : place + random.choice((0, 0, 1, 3))] = random.choice((word, b" " + word + b" ", b"", b"("))
    return bytes(chosen)


def _write_seeds(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate(seeds()):
        (folder / f"seed{number}").write_bytes(octets)


def _randomly(seconds: float) -> None:
    random, inputs, tried = Random(), list(seeds()), 0
    end = monotonic() + seconds
    while monotonic() < end:
        octets = mutated(random, inputs)
        try:
            one_input(octets)
        except BaseException:
            print(f"input {octets!r}: {_meaning(octets)}", file=sys.stderr)
            raise
        tried += 1
    print(f"{tried} inputs, nothing found")


def _guided(arguments: list[str]) -> None:
    if atheris is None:
        sys.exit("atheris is not installed: 'random SECONDS' does without it")
    run: Callable[[bytes], None] = one_input
    atheris.Setup([sys.argv[0], *arguments], run)
    atheris.Fuzz()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["seeds", folder]:
            _write_seeds(Path(folder))
        case ["random", seconds]:
            _randomly(float(seconds))
        case arguments:
            _guided(arguments)
