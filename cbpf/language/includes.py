"""``@name`` in an expression: the filter of that name, in parentheses.

The inclusion is one of text: ``@dns and not @mdns`` means what ``(...) and (...)`` would, moved offsets and link types
included, and every part of the expanded text knows where it came from. Before anything is put in place of it, each text
is parsed by itself with a condition for every ``@name``: so a filter is a whole condition, wherever it is included, and
what is wrong with the way a text is written is said about that text.

Where filters come from is the affair of whoever has a ``Shelf`` of them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from cbpf.errors import NOWHERE, CbpfError, Edit, FilterError, Reason, Span, underline
from cbpf.language.parser import parse
from cbpf.language.tokens import Kind, Token, tokenize

LONGEST: Final = 1 << 20
"""Characters of an expanded expression."""

DEEPEST: Final = 50
"""How many filters may be included one by the other."""

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
"""What filters are called."""

_LINE_END = re.compile(r"\s*\n\s*")
_PLACEHOLDER = "sc"  # a keyword that is a condition by itself, and can be no part of another one


class Text(NamedTuple):
    """A filter that can be included: ``text`` has blanks in place of comments, and lines as in the file ``path``."""

    name: str
    path: str
    text: str


class Shelf(Protocol):
    """Where filters are."""

    def text(self, name: str) -> Text | None:
        """The filter of this name, None if there is none. Raises CbpfError if it cannot be read."""

    def names(self) -> Collection[str]:
        """The names of all of them."""


class IncludedError(FilterError):
    """An error in a filter that an expression includes.

    ``span`` is that of ``@name`` in the expression. ``path`` and ``line`` (from 1) say where the mistake is, and
    ``inner`` is the error about what is written there.
    """

    def __init__(self, inner: FilterError, expression: str, chain: Chain) -> None:
        included = chain[-1].included
        self.inner = inner
        self.path = included.path
        self.line = included.text.count("\n", 0, inner.span.start) + 1
        where = f"{included.path} line {self.line}"
        message = f"in filter '{included.name}' ({where}): {inner.message}"
        super().__init__(message, chain[0].span, reason=inner.reason, hint=inner.hint, expression=expression)

    def __str__(self) -> str:
        lines = [self.message, *underline(self.expression, self.span)]
        excerpt = underline(*_line_of(self.inner.expression, self.inner.span))
        if excerpt:
            lines += [f"line {self.line} of '{self.path}':", *excerpt]
        return "\n".join([*lines, *([self.hint] if self.hint else [])])


class Inclusion(NamedTuple):
    """``span`` is that of ``@name`` in the text that includes it."""

    span: Span
    included: Text


Chain = tuple[Inclusion, ...]
"""How a text came into an expression: the filter that the expression includes, the one that this includes, ..."""


class _Piece(NamedTuple):
    """Characters as they go into the expanded text, and where they begin in the text they come from."""

    text: str
    start: int


class _Part(NamedTuple):
    """A part of the expanded text from ``start`` on: characters of the text at the end of ``chain``, which begin at
    ``span.start`` there; or a parenthesis (``whole``), all of which is ``span``.
    """

    start: int
    chain: Chain
    span: Span
    whole: bool


class Expansion:
    """``text`` is ``expression`` with every ``@name`` in full; ``included`` are the filters in it, in order."""

    def __init__(self, expression: str, text: str, parts: list[_Part], included: tuple[Text, ...]) -> None:
        self.expression = expression
        self.text = text
        self.included = included
        self._parts = parts
        self._starts = [part.start for part in parts]
        self.written = lru_cache(maxsize=None)(self._written)

    def _written(self, span: Span) -> Span:
        """The characters of the expression that those of ``text`` came from: for what is included, ``@name``."""
        if not self._parts:
            return span
        ends = self._ends(span)
        first, last = (chain[0].span if chain else place for chain, place in ends)
        return Span(first.start, last.end if span.end > span.start else first.start)

    def restated(self, error: FilterError) -> FilterError:
        """An error about ``text`` as one about the expression, or about a filter that is included."""
        if not self._parts or error.span == NOWHERE:
            error.expression = self.expression
            return error
        (first_chain, first), (last_chain, last) = self._ends(error.span)
        depth = _common(first_chain, last_chain)
        start = first_chain[depth].span if len(first_chain) > depth else first
        end = last_chain[depth].span if len(last_chain) > depth else last
        chain = first_chain[:depth]
        said = FilterError(
            error.message,
            Span(start.start, max(start.start, end.end) if error.span.end > error.span.start else start.start),
            reason=error.reason,
            hint=_own_hint(error),
            edit=self._edit(error.edit, chain),
            expression=chain[-1].included.text if chain else self.expression,
        )
        return IncludedError(said, self.expression, chain) if chain else said

    def _edit(self, edit: Edit | None, chain: Chain) -> Edit | None:
        """The edit in the text at the end of ``chain``; None if it is not about that alone."""
        if edit is None:
            return None
        (first_chain, first), (last_chain, last) = self._ends(edit.span)
        if first_chain != chain or last_chain != chain:
            return None
        return Edit(Span(first.start, last.end if edit.span.end > edit.span.start else first.start), edit.text)

    def _ends(self, span: Span) -> tuple[tuple[Chain, Span], tuple[Chain, Span]]:
        """Where the first and the last character of a span of ``text`` came from."""
        return self._place(span.start), self._place(max(span.start, span.end - 1))

    def _place(self, position: int) -> tuple[Chain, Span]:
        part = self._parts[max(0, bisect_right(self._starts, position) - 1)]
        if part.whole:
            return part.chain, part.span
        start = min(part.span.start + position - part.start, part.span.end)
        return part.chain, Span(start, min(start + 1, part.span.end))


def expand(expression: str, shelf: Shelf) -> Expansion:
    """Put the filters of a shelf in the place of every ``@name``.

    Raises FilterError for names that are not there, filters that include each other in a circle, and for whatever the
    parser refuses in the expression or in a filter.
    """
    reader = _Reader(expression, shelf)
    body = reader.body(expression, (), verbatim=True)
    reader.measure(body, ())
    writer = _Writer(reader)
    writer.write(body, ())
    return Expansion(expression, "".join(writer.pieces), writer.parts, tuple(reader.texts.values()))


_Body = list[_Piece | Token]


class _Reader:
    """Reads the filters that an expression includes, each once, and refuses what must not be included."""

    def __init__(self, expression: str, shelf: Shelf) -> None:
        self._expression = expression
        self._shelf = shelf
        self.texts: dict[str, Text] = {}
        self.bodies: dict[str, _Body] = {}
        self._sizes: dict[str, tuple[int, int]] = {}

    def body(self, text: str, chain: Chain, *, verbatim: bool = False) -> _Body:
        """What a text is made of: pieces and ``@name``s. Raises FilterError if the parser refuses it."""
        filters: list[Token] = []
        try:
            tree = parse(text, _with_placeholders)
            filters = [token for token in tokenize(text) if token.kind is Kind.FILTER]
        except FilterError as error:
            raise self.located(_about_filters(error), chain) from error
        if tree is None and chain:
            last = chain[-1].included
            nothing = FilterError(f"there is no expression in filter '{last.name}' ({last.path})", chain[-1].span)
            raise self.located(nothing, chain[:-1])
        body: _Body = []
        start, end = (0, len(text)) if verbatim else (len(text) - len(text.lstrip()), len(text.rstrip()))
        for token in filters:
            body += [*_pieces(text, start, token.span.start, verbatim), token]
            start = token.span.end
        return [*body, *_pieces(text, start, end, verbatim)]

    def measure(self, body: _Body, chain: Chain) -> tuple[int, int]:
        """Read all that a body includes. Gives the characters it comes to, and how deep inclusions go in it."""
        size = sum(len(piece.text) for piece in body if isinstance(piece, _Piece))
        depth = 0
        for token in body:
            if isinstance(token, Token):
                inner, below = self._included(token, chain)
                size, depth = size + inner + 2, max(depth, below + 1)
                if size > LONGEST:
                    self._refuse(token, chain, f"with all that is included, it is longer than {LONGEST} characters")
                if len(chain) + depth > DEEPEST:
                    self._refuse(token, chain, f"filters include each other more than {DEEPEST} deep")
        return size, depth

    def _included(self, token: Token, chain: Chain) -> tuple[int, int]:
        names = [inclusion.included.name for inclusion in chain]
        if token.text in names:
            circle = " includes ".join(f"@{name}" for name in [*names[names.index(token.text) :], token.text])
            self._refuse(token, chain, f"a filter cannot include itself: {circle}")
        if token.text not in self._sizes:
            text = self._find(token, chain)
            longer = (*chain, Inclusion(token.span, text))
            if len(longer) > DEEPEST:
                self._refuse(token, chain, f"filters include each other more than {DEEPEST} deep")
            self.texts[token.text] = text
            self.bodies[token.text] = self.body(text.text, longer)
            self._sizes[token.text] = self.measure(self.bodies[token.text], longer)
        return self._sizes[token.text]

    def _find(self, token: Token, chain: Chain) -> Text:
        try:
            found = self._shelf.text(token.text) if NAME.fullmatch(token.text) else None
        except CbpfError as error:
            raise self.located(FilterError(f"filter '{token.text}': {error}", token.span), chain) from error
        if found is None:
            raise self.located(_unknown(token, self._shelf.names()), chain)
        return found

    def _refuse(self, token: Token, chain: Chain, message: str) -> None:
        raise self.located(FilterError(message, token.span), chain)

    def located(self, error: FilterError, chain: Chain) -> FilterError:
        """An error about the text at the end of ``chain``."""
        error.expression = chain[-1].included.text if chain else self._expression
        return IncludedError(error, self._expression, chain) if chain else error


class _Writer:
    """Writes the expanded text, and where its parts come from."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._length = 0
        self.pieces: list[str] = []
        self.parts: list[_Part] = []

    def write(self, body: _Body, chain: Chain) -> None:
        for each in body:
            if isinstance(each, _Piece):
                self._add(each.text, chain, Span(each.start, each.start + len(each.text)))
            else:
                self._add("(", chain, each.span, whole=True)
                included = Inclusion(each.span, self._reader.texts[each.text])
                self.write(self._reader.bodies[each.text], (*chain, included))
                self._add(")", chain, each.span, whole=True)

    def _add(self, text: str, chain: Chain, span: Span, *, whole: bool = False) -> None:
        self.parts.append(_Part(self._length, chain, span, whole))
        self.pieces.append(text)
        self._length += len(text)


def _pieces(text: str, start: int, end: int, verbatim: bool) -> Iterator[_Piece]:
    """The characters from ``start`` to ``end``, with a blank in place of line ends and the blanks around them."""
    for gap in () if verbatim else _LINE_END.finditer(text, start, end):
        if gap.start() > start:
            yield _Piece(text[start : gap.start()], start)
        yield _Piece(" ", gap.start())
        start = gap.end()
    if end > start:
        yield _Piece(text[start:end], start)


def _with_placeholders(text: str) -> list[Token]:
    """The tokens of a text, with a condition in parentheses for every ``@name``."""
    found: list[Token] = []
    for token in tokenize(text):
        if token.kind is Kind.FILTER:
            found.append(Token(Kind.PUNCTUATION, "(", token.span))
            found.append(Token(Kind.WORD, _PLACEHOLDER, token.span))
            found.append(Token(Kind.PUNCTUATION, ")", token.span))
        else:
            found.append(token)
    return found


def _about_filters(error: FilterError) -> FilterError:
    """The parser's error, which knows of placeholders only, if it is about an ``@name``."""
    name = error.expression[error.span.start : error.span.end]
    if not (name.startswith("@") and error.message.startswith("unexpected ")):
        return error
    _, colon, needed = error.message.partition(": ")
    if needed.startswith("'and', 'or'"):
        message = "unexpected filter: two conditions need 'and' or 'or' between them"
        alone = not re.search(r"\bor\b|\|\|", error.expression)  # where 'and' does not tear apart what is joined
        apart = error.expression[error.span.start - 1] in " \t\r\n)"
        edit = Edit(Span(error.span.start, error.span.start), "and ") if alone and apart else None
        return FilterError(message, error.span, reason=error.reason, edit=edit)
    hint = error.hint or f"'{name}' stands for a condition in parentheses."
    return FilterError(f"unexpected filter{colon}{needed}", error.span, reason=error.reason, hint=hint, edit=error.edit)


def _unknown(token: Token, names: Collection[str]) -> FilterError:
    from difflib import get_close_matches

    begun = [name for name in sorted(names) if name.startswith(token.text) or name.endswith(f"-{token.text}")]
    likely = re.sub(r"[_.]", "-", token.text.lower())
    close = next(iter(get_close_matches(likely, names, n=1, cutoff=0.6) or begun), None)
    message = f"there is no filter '{token.text[:60]}'"
    if not NAME.fullmatch(token.text):
        message += ": names are of small letters, digits and hyphens"
    return FilterError(
        message,
        token.span,
        reason=Reason.UNKNOWN_NAME,
        edit=None if close is None else Edit(token.span, f"@{close}"),
        hint="'cbpf filters list' shows which there are." if close is None else f"Did you mean '@{close}'?",
    )


def _line_of(text: str, span: Span) -> tuple[str, Span]:
    """The line that a span begins in, and the span in it."""
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.start)
    line = text[start : end if end >= 0 else len(text)]
    blanks = len(line) - len(line.lstrip())
    return line.strip(), Span(span.start - start - blanks, min(span.end - start, len(line.rstrip())) - blanks)


def _common(one: Chain, other: Chain) -> int:
    """How many inclusions two chains begin with alike."""
    return next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


def _own_hint(error: FilterError) -> str | None:
    """The hint of an error, unless it is made of the correction, which will be another."""
    derived = FilterError(error.message, edit=error.edit, expression=error.expression).hint
    return None if error.hint == derived else error.hint
