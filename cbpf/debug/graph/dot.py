"""A picture in the language of Graphviz, and drawn by its program ``dot``. Source: the manual page dot(1) and
https://graphviz.org/doc/info/lang.html."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cbpf.debug.graph.picture import Node, Picture
from cbpf.errors import CbpfError

_SHAPES: Final = {
    "test": "shape=box, style=rounded",
    "let": "shape=box, style=dashed",
    "need": "shape=box, style=dashed",
    "accept": 'shape=box, style="rounded,filled", fillcolor="#c8e6c9"',
    "reject": 'shape=box, style="rounded,filled", fillcolor="#ffcdd2"',
    "block": "shape=box, fontname=monospace",
    "more": "shape=plaintext",
}
_EDGES: Final = {"yes": 'label="yes", color="#2e7d32"', "no": 'label="no", color="#c62828", style=dashed', "": ""}


class DrawingError(CbpfError):
    """Graphviz is missing, or could not draw a picture."""


def dot(picture: Picture) -> str:
    """The picture as a ``digraph``."""
    lines = [
        f"digraph {_quoted(picture.title)} {{",
        f"  graph [label={_quoted(picture.title)}, labelloc=t, fontname=sans, ordering=out];",
        "  node [fontname=sans, fontsize=11];",
        "  edge [fontname=sans, fontsize=10];",
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
    for place, node in enumerate(picture.nodes):
        tip = " | ".join(clause.text for clause in node.clauses)
        tooltip = f", tooltip={_quoted(tip)}" if tip else ""
        yield f"n{place} [label={_label(node)}, {_SHAPES[node.kind]}{tooltip}]"
        for edge in node.edges:
            look = _EDGES[edge.answer]
            yield f"n{place} -> n{edge.to}{f' [{look}]' if look else ''}"


def _label(node: Node) -> str:
    """What stands in a node; the lines of a block are flush left, which ``\\\\l`` says."""
    if node.kind != "block":
        return _quoted(node.label + ("?" if node.kind == "test" else ""))
    width = max(len(line.text) for line in node.lines)
    texts = [f"({line.pc:03}) {line.text:{width}}  {line.meaning}".rstrip() for line in node.lines]
    return f'"{"".join(_escaped(text) + chr(92) + "l" for text in texts)}"'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """Text in a quoted string: a backslash begins an escape there, and a control character might do anything."""
    text = "".join(character if character.isprintable() else " " for character in text)
    return text.replace("\\", "\\\\").replace('"', '\\"')
