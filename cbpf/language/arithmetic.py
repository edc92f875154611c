"""Parsing of arithmetic: the operands of relations, and the offsets inside index expressions.

An operator-precedence parser with its own stack, so that no nesting of parentheses and brackets can exhaust Python's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cbpf.errors import FilterError, Reason, Span
from cbpf.language.stream import Stream
from cbpf.language.syntax import Arithmetic, Binary, Index, Length, Negate, Number
from cbpf.language.tokens import Kind, Token
from cbpf.language.vocabulary import PROTOCOLS

# Loosest first. `%` and `^` have no place in this order: see _goes_first.
_PRECEDENCE = {"|": 1, "&": 2, "<<": 3, ">>": 3, "+": 4, "-": 4, "*": 5, "/": 5, "negate": 6}
_UNRANKED = frozenset("%^")
OPERATORS = frozenset(_PRECEDENCE) - {"negate"} | _UNRANKED

# Deeper trees than this are refused: no program that a kernel takes (4096 instructions) comes from one.
DEEPEST = 100


def starts_arithmetic(stream: Stream) -> bool:
    """Whether the next tokens can only be arithmetic, parentheses apart: a number, ``-``, ``len`` or ``protocol[``."""
    token = stream.peek()
    return (
        token.kind is Kind.NUMBER
        or (token.kind is Kind.PUNCTUATION and token.text == "-")
        or (token.kind is Kind.WORD and token.text == "len")
        or (token.kind is Kind.WORD and token.text in PROTOCOLS and stream.punctuation("[", ahead=1))
    )


def parse_arithmetic(stream: Stream) -> Arithmetic:
    """The longest arithmetic expression that begins at the next token."""
    return _Parser(stream).parse()


class _Parser:
    """Shunting-yard: ``operands`` and ``pending``, which are operators, and parentheses and brackets not yet closed.

    Of a bracket it is the protocol in front of it that is kept, the only words among them.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.operands: list[tuple[Arithmetic, int]] = []  # each with the depth of its tree
        self.pending: list[Token] = []
        self.open: list[Token] = []  # the parentheses and brackets alone
        self.brackets = 0  # how many of them are brackets

    def parse(self) -> Arithmetic:
        while True:
            self._operand()
            if not self._operator():
                break
        self._reduce_while(lambda top: True)
        return self.operands.pop()[0]

    def _operand(self) -> None:
        """Everything up to and including one operand: prefixes, opening parentheses, ``protocol[``."""
        stream = self.stream
        while True:
            token = stream.next()
            if token.kind is Kind.NUMBER:
                self._push(Number(token.span, token.value), 0)
                return
            if token.kind is Kind.WORD and token.text == "len":
                self._push(Length(token.span), 0)
                return
            if token.kind is Kind.PUNCTUATION and token.text == "-":
                self.pending.append(token._replace(text="negate"))
            elif token.kind is Kind.PUNCTUATION and token.text == "(":
                self.pending.append(token)
                self.open.append(token)
            elif token.kind is Kind.WORD and token.text in PROTOCOLS and stream.accept("["):
                self.pending.append(token)
                self.open.append(stream.tokens[stream.position - 1])
                self.brackets += 1
            else:
                raise stream.unexpected(token, "a number, 'len' or a packet byte such as ip[0] is needed here")

    def _operator(self) -> bool:
        """Close what closes here, then take a binary operator; False at the end of the arithmetic."""
        while True:
            token = self.stream.peek()
            text = token.text if token.kind is Kind.PUNCTUATION else ""
            if text in OPERATORS:
                self._reduce_while(partial(_goes_first, text))
                self.pending.append(self.stream.next())
                return True
            if text == ")" and self.open and self.open[-1].text == "(":
                self._reduce_while(lambda top: True)
                self.pending.pop()
                self.stream.next()
                tree, depth = self.operands.pop()
                self._push(_respan(tree, Span(self.open.pop().span.start, token.span.end)), depth)
            elif text in ("]", ":") and self.brackets:
                self._close_index()
            elif self.open:
                raise self._not_closed(token)
            else:
                return False

    def _not_closed(self, token: Token) -> FilterError:
        if token.kind is not Kind.END:
            return self.stream.unexpected(token, "this leaves a parenthesis or bracket open")
        what = "parenthesis" if self.open[-1].text == "(" else "bracket"
        return FilterError(f"this {what} is never closed", self.open[-1].span, reason=Reason.SYNTAX)

    def _close_index(self) -> None:
        self._reduce_while(lambda top: True)
        opening = self.pending.pop()
        if opening.text == "(":
            raise self.stream.unexpected(opening, "this parenthesis is not closed")
        self.open.pop()
        self.brackets -= 1
        size, stream = 1, self.stream
        if stream.accept(":"):
            size = stream.number("a size of 1, 2 or 4 bytes").value
        end = stream.expect("]").span.end
        offset, depth = self.operands.pop()
        span = Span(opening.span.start, end)
        if size not in (1, 2, 4):
            raise FilterError(f"a packet access has 1, 2 or 4 bytes, not {size}", span, reason=Reason.BAD_INDEX)
        self._push(Index(span, opening.text, offset, size), depth + 1)

    def _reduce_while(self, wanted: Callable[[Token], bool]) -> None:
        while self.pending:
            top = self.pending[-1]
            if top.kind is Kind.WORD or top.text == "(" or not wanted(top):
                return
            self.pending.pop()
            right, depth = self.operands.pop()
            if top.text == "negate":
                self._push(Negate(Span(top.span.start, right.span.end), right), depth + 1)
            else:
                left, left_depth = self.operands.pop()
                span = Span(left.span.start, right.span.end)
                self._push(Binary(span, top.text, left, right), max(depth, left_depth) + 1)

    def _push(self, tree: Arithmetic, depth: int) -> None:
        if depth > DEEPEST:
            raise FilterError(f"arithmetic nested more than {DEEPEST} levels deep", tree.span)
        self.operands.append((tree, depth))


def _goes_first(after: str, before: Token) -> bool:
    """Whether the operator ``before`` is done before the one that comes ``after`` it.

    `%` and `^` have no precedence in the language: whatever comes before them waits for them, and they wait for
    whatever comes after, so that 10%7%2 is 10%(7%2) and 4^1+2 is 4^(1+2).
    """
    if before.text in _UNRANKED or after in _UNRANKED:
        return False
    return _PRECEDENCE[before.text] >= _PRECEDENCE[after]


def _respan(tree: Arithmetic, span: Span) -> Arithmetic:
    """The same tree, its span widened to the parentheses around it."""
    match tree:
        case Number(_, value):
            return Number(span, value)
        case Length(_):
            return Length(span)
        case Index(_, protocol, offset, size):
            return Index(span, protocol, offset, size)
        case Negate(_, operand):
            return Negate(span, operand)
        case Binary(_, operator, left, right):
            return Binary(span, operator, left, right)
