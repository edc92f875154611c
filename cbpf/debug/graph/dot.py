"""A picture in the language of Graphviz, and drawn by its program ``dot``.

Nodes have labels in Graphviz's own HTML, which is also what browsers know, and generic fonts, which are what an SVG
may ask a browser for. Sources: the manual page dot(1), https://graphviz.org/doc/info/lang.html and shapes.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cbpf.debug.graph.picture import Clause, Node, Picture
from cbpf.errors import CbpfError

_INK, _PALE = "#37474f", "#78909c"
_YES, _NO = "#2e7d32", "#c62828"
_ACCEPTED, _REJECTED = 'fillcolor="#e8f5e9", color="#2e7d32"', 'fillcolor="#ffebee", color="#c62828"'
_SHAPES: Final = {
    "test": "",
    "let": 'style="rounded,filled,dashed"',
    "need": 'style="rounded,filled,dashed"',
    "accept": _ACCEPTED,
    "reject": _REJECTED,
    "block": 'style=filled, margin="0.08,0.04"',
    "more": "shape=plaintext",
}
_EDGES: Final = {
    "yes": f'label=" yes ", color="{_YES}", fontcolor="{_YES}"',
    "no": f'label=" no ", color="{_NO}", fontcolor="{_NO}", style=dashed',
    "": "",
}
_STYLE: Final = f"""\
  graph [labelloc=t, fontname="sans-serif", fontsize=14, fontcolor="{_INK}", nodesep=0.3, ranksep=0.35];
  node [shape=box, style="rounded,filled", fillcolor=white, color="{_INK}", fontname="sans-serif", fontsize=11];
  node [margin="0.14,0.07", height=0.3];
  edge [color="{_INK}", fontname="sans-serif", fontsize=9, arrowsize=0.7];"""
_LONGEST: Final = 48  # characters of a clause
_WIDEST: Final = 52  # characters of a line in a test
_MOST_CLAUSES: Final = 2
_RETURNS: Final = {True: _ACCEPTED, False: _REJECTED}


class DrawingError(CbpfError):
    """Graphviz is missing, or could not draw a picture."""


def dot(picture: Picture) -> str:
    """The picture as a ``digraph``; node ``n7`` is the picture's node 7.

    Every way that rejects has an end of its own, ``r0``, ``r1``..., beside the test where it leaves: lines to a single
    one would be most of the picture.
    """
    lines = [
        f"digraph {_quoted(picture.title)} {{",
        _STYLE,
        f"  label={_quoted(picture.title)};",
        *(f"  {line};" for line in _statements(picture)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def svg(picture: Picture) -> bytes:
    """The picture as SVG. Raises DrawingError if Graphviz is not installed, or fails."""
    import subprocess

    try:
        done = subprocess.run(["dot", "-Tsvg"], input=dot(picture).encode(), capture_output=True, check=False)
    except FileNotFoundError:
        raise DrawingError("SVG is drawn by Graphviz, whose program 'dot' is not installed") from None
    except OSError as error:
        raise DrawingError(f"cannot run 'dot': {error.strerror or error}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise DrawingError(f"'dot' could not draw the graph: {said[0] if said else f'status {done.returncode}'}")
    return done.stdout


def _statements(picture: Picture) -> Iterator[str]:
    told = _told(picture)
    ends = 0
    for place, node in enumerate(picture.nodes):
        if node.kind == "reject" and place:
            continue
        yield f"n{place} [{', '.join(filter(None, (_label(node, told), _look(node), _tooltip(node))))}]"
        for edge in node.edges:
            look, target = _EDGES[edge.answer], f"n{edge.to}"
            if picture.nodes[edge.to].kind == "reject":
                target, ends = f"r{ends}", ends + 1
                yield f'{target} [label="reject", {_REJECTED}, fontsize=9, margin="0.07,0.03", height=0.2, width=0.3]'
            yield f"n{place} -> {target}{f' [{look}]' if look else ''}"


def _told(picture: Picture) -> frozenset[Clause]:
    """The parts of the expression that nodes are told apart by: all, unless there is but one."""
    found = {clause for node in picture.nodes for clause in node.clauses}
    return frozenset(found) if len(found) > 1 else frozenset()


def _look(node: Node) -> str:
    if node.kind == "block" and len(node.lines) == 1 and not node.edges:
        return _RETURNS[node.lines[0].text != "ret #0"]
    return _SHAPES[node.kind]


def _tooltip(node: Node) -> str:
    tip = " | ".join(part for part in (node.formula, *(clause.text for clause in node.clauses)) if part)
    return f"tooltip={_quoted(tip)}" if tip else ""


def _label(node: Node, told: frozenset[Clause]) -> str:
    if node.kind == "block":
        return f"label=<{_block(node, told)}>"
    text = node.label + ("?" if node.kind == "test" else "")
    lines = [*map(_html, _wrapped(text)), *map(_pale, _parts(node, told))]
    return f"label=<{'<br/>'.join(lines)}>"


def _block(node: Node, told: frozenset[Clause]) -> str:
    """A table: the numbers of the instructions, what they are, and what that means."""
    has_meaning = any(line.meaning for line in node.lines)
    rows = []
    for line in node.lines:
        code = f'<font face="monospace" point-size="10">{_html(line.text)}{"  " * has_meaning}</font>'
        rows.append([_pale(f"{line.pc:03}"), code, *([_html(line.meaning)] if has_meaning else [])])
    table = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    for part in _parts(node, told):
        table += f'<tr><td></td><td align="left" colspan="2">{_pale(part)}</td></tr>'
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{table}</table>'


def _cell(html: str) -> str:
    return f'<td align="left">{html}</td>'


def _parts(node: Node, told: frozenset[Clause]) -> list[str]:
    """The parts of the expression that a node is from, in lines that are not too long, and not many of those."""
    texts = [clause.text for clause in node.clauses if clause in told]
    shown = [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..." for text in texts[:_MOST_CLAUSES]]
    more = ["..."] if len(texts) > _MOST_CLAUSES else []
    together = " | ".join([*shown, *more])
    return [together] if shown and len(together) <= _LONGEST else [*shown, *more]


def _wrapped(text: str) -> list[str]:
    """A text in lines that are not too long, and all of them about as long."""
    from textwrap import wrap

    lines = -(-len(text) // _WIDEST)
    return wrap(text, max(_WIDEST // 2, len(text) // max(1, lines) + 8)) or [" "]


def _pale(text: str) -> str:
    return f'<font color="{_PALE}" point-size="9">{_html(text)}</font>'


def _html(text: str) -> str:
    """Text in a label."""
    return _printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _quoted(text: str) -> str:
    """Text in a quoted string, in which a backslash begins an escape."""
    text = _printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
