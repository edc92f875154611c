"""From tokens to the syntax tree.

``and`` and ``or`` have the same precedence and group from the left; ``not`` binds tighter. A bare value after them
takes the qualifiers of the primitive to its left. Parentheses are kept on a stack of frames, not on Python's, so no
depth of nesting can break the parser.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cbpf.errors import FilterError, Reason, Span
from cbpf.language.arithmetic import OPERATORS, parse_arithmetic, starts_arithmetic
from cbpf.language.stream import Stream
from cbpf.language.syntax import (
    And,
    Byte,
    Expression,
    Field,
    Keyword,
    Named,
    Not,
    Or,
    Primitive,
    Qualified,
    Qualifiers,
    Relation,
    Value,
    WlanType,
)
from cbpf.language.tokens import Kind, Token, tokenize
from cbpf.language.vocabulary import (
    ATM_FIELDS,
    ATM_WORDS,
    DIRECTED_TYPES,
    DIRECTIONS,
    PROTOCOLS,
    SS7_FIELDS,
    SS7_WORDS,
    UNDIRECTED_TYPES,
)

RELATIONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_CONTINUE_ARITHMETIC = OPERATORS | RELATIONS
_VALUE_KINDS = frozenset({Kind.NUMBER, Kind.IPV4, Kind.IPV6, Kind.MAC, Kind.LINK8, Kind.NAME})
_OPPOSITE = {"src": "dst", "dst": "src"}

# Keywords by what follows them.
_ALONE = ATM_WORDS | SS7_WORDS | {"inbound", "outbound", "pppoed", "broadcast", "multicast"}
_WITH_NUMBER = frozenset({"less", "greater", "ifindex", "rnr", "srnr"})
_WITH_OPTIONAL_NUMBER = frozenset({"vlan", "mpls", "pppoes", "geneve", "vxlan"})
_WITH_NAME = {"on": (Kind.NAME,), "rset": (Kind.NAME,), "action": (Kind.NAME,), "reason": (Kind.NAME, Kind.NUMBER)}


def parse(text: str, tokens: Callable[[str], list[Token]] = tokenize) -> Expression | None:
    """The syntax tree of ``text``, None if there is nothing but blanks in it. Raises FilterError with a span.

    ``tokens`` gives the tokens of a text, if something is to stand for some of them.
    """
    try:
        return _read(tokens, text)
    except FilterError as error:
        from cbpf.language.advice import advise

        error.expression = text
        advise(error, partial(_read, tokens))
        raise


def _read(tokens: Callable[[str], list[Token]], text: str) -> Expression | None:
    return _Parser(Stream(tokens(text))).parse()


class _Frame:
    """What has been read between an opening parenthesis (or the start) and here."""

    def __init__(
        self, opening: Token | None, negated: bool, values_of: Qualifiers | None, in_force: Qualifiers | None
    ) -> None:
        self.opening = opening
        self.negated = negated  # an odd number of `not` stands before the parenthesis
        self.values_of = values_of  # the frame is a list of values under these qualifiers
        self.in_force = in_force  # what a bare value would inherit
        self.operator = ""
        self.operands: list[Expression] = []

    def add(self, tree: Expression) -> None:
        self.operands.append(tree)

    def join(self, operator: str) -> None:
        """Go on with ``and`` or ``or``: a change of operator groups all that stands to the left."""
        if self.operator not in ("", operator):
            self.operands = [self.tree()]
        self.operator = operator

    def tree(self) -> Expression:
        if len(self.operands) == 1:
            return self.operands[0]
        span = Span(self.operands[0].span.start, self.operands[-1].span.end)
        return (And if self.operator == "and" else Or)(span, tuple(self.operands))


class _Parser:
    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.frames = [_Frame(None, False, None, None)]
        self.lookahead = _Lookahead(stream.tokens)

    def parse(self) -> Expression | None:
        if self.stream.peek().kind is Kind.END:
            return None
        while True:
            self._term()
            while self.stream.punctuation(")") and len(self.frames) > 1:
                self._close()
            if self.stream.word("and", "or"):
                self.frames[-1].join(self.stream.next().text)
            elif self.stream.peek().kind is Kind.END and len(self.frames) == 1:
                return self.frames[0].tree()
            else:
                raise self._not_joined()

    def _term(self) -> None:
        """Read up to and including one primitive or value, opening a frame for each parenthesis on the way."""
        stream = self.stream
        negated, first, qualifiers = False, stream.peek().span.start, None
        while True:
            frame = self.frames[-1]
            start = stream.peek().span.start
            if stream.word("not"):
                stream.next()
                negated = not negated
            elif stream.punctuation("(") and not self._parenthesis_is_arithmetic():
                values_of = qualifiers or frame.values_of
                if values_of is None and self._parenthesis_has_values():
                    values_of = frame.in_force
                self.frames.append(_Frame(stream.next(), negated, values_of, values_of or frame.in_force))
                negated, first, qualifiers = False, stream.peek().span.start, None
            elif (inherited := qualifiers or self._inherited(frame)) is not None:
                frame.in_force = inherited
                apart = qualifiers is None or stream.tokens[stream.position - 1].text == "not"
                value = self._value()
                span = Span(start if qualifiers is None else first, value.span.end)
                self._add(Qualified(span, inherited, value._replace(clause=None if apart else span)), negated)
                return
            elif (qualifiers := self._qualifiers(frame)) is not None:
                first = start
                frame.in_force = qualifiers
            else:
                frame.in_force = None
                self._add(self._primitive(), negated)
                return

    def _inherited(self, frame: _Frame) -> Qualifiers | None:
        """The qualifiers for a bare value that comes next; None if something else does."""
        if frame.values_of is not None:
            return frame.values_of
        if self._is_value(self.stream.position):
            if frame.in_force is None:
                raise self.stream.unexpected(
                    self.stream.peek(), "a value needs a qualifier in front of it, such as host, net or port"
                )
            return frame.in_force
        return None

    def _add(self, tree: Expression, negated: bool) -> None:
        self.frames[-1].add(Not(tree.span, tree) if negated else tree)

    def _close(self) -> None:
        frame = self.frames.pop()
        end = self.stream.next().span.end
        assert frame.opening is not None
        tree = frame.tree()
        self.frames[-1].add(Not(Span(frame.opening.span.start, end), tree) if frame.negated else tree)
        if frame.values_of is not None and self.frames[-1].values_of is None:
            self.frames[-1].in_force = frame.values_of

    # What kind of parenthesis is this?

    def _parenthesis_is_arithmetic(self) -> bool:
        """An operator after its closing partner says so."""
        after = self.lookahead.partner.get(self.stream.position)
        return self.frames[-1].values_of is None and after is not None and self._continues_arithmetic(after + 1)

    def _parenthesis_has_values(self) -> bool:
        """Whether what comes first in it, behind more parentheses and `not`, is a bare value."""
        return self._is_value(self.lookahead.first_inside[self.stream.position])

    def _is_value(self, position: int) -> bool:
        """Whether the token there can be a value and, if it is a number, does not begin a relation."""
        kind = self.stream.tokens[position].kind
        if kind is Kind.NUMBER:
            return not self._continues_arithmetic(self.lookahead.behind_closings[position + 1])
        return kind in _VALUE_KINDS

    def _continues_arithmetic(self, position: int) -> bool:
        token = self.stream.tokens[position]
        return token.kind is Kind.PUNCTUATION and token.text in _CONTINUE_ARITHMETIC

    # The parts of primitives.

    def _qualifiers(self, frame: _Frame) -> Qualifiers | None:
        """Qualifiers that a value must follow, or None if the next tokens begin something else."""
        stream = self.stream
        if frame.values_of is not None or starts_arithmetic(stream):
            return None
        ahead = 1 if stream.word(*PROTOCOLS) else 0
        if not stream.word(*DIRECTIONS, *DIRECTED_TYPES, *UNDIRECTED_TYPES, ahead=ahead):
            return None
        protocol = stream.next().text if ahead else None
        direction = self._direction()
        if direction is not None and stream.word(*UNDIRECTED_TYPES):
            raise stream.unexpected(stream.peek(), f"'{stream.peek().text}' takes no direction")
        kind = stream.next().text if stream.word(*DIRECTED_TYPES, *UNDIRECTED_TYPES) else None
        return Qualifiers(protocol, direction, kind)

    def _direction(self) -> str | None:
        stream = self.stream
        if not stream.word(*DIRECTIONS):
            return None
        side = stream.next().text
        if side in _OPPOSITE and stream.word("and", "or") and stream.word("src", "dst", ahead=1):
            joint = stream.next().text
            other = stream.next()
            if other.text != _OPPOSITE[side]:
                raise stream.unexpected(other, f"after '{side} {joint}' only '{_OPPOSITE[side]}' makes sense")
            return joint
        return side

    def _value(self) -> Value:
        stream = self.stream
        token = stream.next()
        if token.kind not in _VALUE_KINDS:
            raise stream.unexpected(token, "an address, a number or a name is needed here")
        end, prefix, mask = token.span.end, None, None
        if token.kind in (Kind.IPV4, Kind.IPV6) and stream.accept("/"):
            length = stream.number("the prefix length")
            end, prefix = length.span.end, length.value
        elif token.kind is Kind.NUMBER and (stream.punctuation("/") or stream.word("mask")):
            raise stream.unexpected(stream.peek(), "a network with a prefix length or mask is written with dots")
        elif token.kind is Kind.IPV4 and stream.word("mask"):
            stream.next()
            mask = stream.next()
            if mask.kind is not Kind.IPV4:
                raise stream.unexpected(mask, "a mask in dotted form, such as 255.255.255.0, is needed here")
            end = mask.span.end
        return Value(token, Span(token.span.start, end), prefix, mask)

    def _primitive(self) -> Primitive:
        """A primitive without a qualified value."""
        stream = self.stream
        start = stream.peek().span.start
        if starts_arithmetic(stream) or stream.punctuation("("):
            return self._relation()
        protocol = stream.next() if stream.word(*PROTOCOLS) else None
        if protocol is not None and not stream.word("broadcast", "multicast", "type", "subtype", "dir"):
            return Keyword(protocol.span, protocol.text)
        empty = self.frames[-1].opening is not None and not self.frames[-1].operands
        if protocol is None and empty and stream.punctuation(")"):
            raise FilterError("nothing stands between these parentheses", stream.peek().span, reason=Reason.SYNTAX)
        token = stream.next()
        qualifier = protocol.text if protocol else None
        if token.kind is not Kind.WORD:
            raise stream.unexpected(token, "a condition is needed here")
        word = token.text
        if word in _ALONE:
            return Keyword(Span(start, token.span.end), word, qualifier)
        if word in _WITH_NUMBER:
            number = stream.number(f"a number for '{word}'")
            return Keyword(Span(start, number.span.end), word, None, number.value)
        if word in _WITH_OPTIONAL_NUMBER:
            argument, end = self._optional_number()
            return Keyword(Span(start, end or token.span.end), word, None, argument)
        if word in _WITH_NAME:
            name = stream.next()
            if name.kind not in _WITH_NAME[word]:
                raise stream.unexpected(name, f"a name for '{word}' is needed here")
            return Named(Span(start, name.span.end), word, name)
        return self._named(token, start)

    def _named(self, token: Token, start: int) -> Primitive:
        """The keywords whose arguments have a grammar of their own."""
        stream, word = self.stream, token.text
        if word == "byte":
            return self._byte(start)
        if word in ATM_FIELDS | SS7_FIELDS:
            return self._field(token)
        if word == "llc":
            kind = stream.next() if stream.peek().kind is Kind.NAME or stream.word("rnr") else None
            return Named(Span(start, (kind or token).span.end), word, kind)
        if word == "dir":
            name = self._name_or_number(word)
            return Named(Span(start, name.span.end), word, name)
        if word == "type":
            kind = self._name_or_number(word)
            if not stream.word("subtype"):
                return WlanType(Span(start, kind.span.end), kind, None)
            stream.next()
            subtype = self._name_or_number("subtype")
            return WlanType(Span(start, subtype.span.end), kind, subtype)
        if word == "subtype":
            subtype = stream.next()
            if subtype.kind is not Kind.NAME:
                raise stream.unexpected(subtype, "a subtype without a type must be a name")
            return WlanType(Span(start, subtype.span.end), None, subtype)
        raise stream.unexpected(token, "a condition is needed here")

    def _name_or_number(self, word: str) -> Token:
        token = self.stream.next()
        if token.kind not in (Kind.NAME, Kind.NUMBER):
            raise self.stream.unexpected(token, f"a name or a number for '{word}' is needed here")
        return token

    def _optional_number(self) -> tuple[int | None, int | None]:
        """A number, in parentheses or not, and where it ends; (None, None) if there is none."""
        stream, depth = self.stream, 0
        while stream.accept("("):
            depth += 1
        if stream.peek().kind is not Kind.NUMBER and not depth:
            return None, None
        number = stream.number("a number")
        end = number.span.end
        for _ in range(depth):
            end = stream.expect(")").span.end
        return number.value, end

    def _byte(self, start: int) -> Byte:
        stream = self.stream
        index = stream.number("the number of a byte").value
        operator = stream.next()
        if operator.kind is not Kind.PUNCTUATION or operator.text not in ("=", "<", ">", "&", "|"):
            raise stream.unexpected(operator, "'byte' takes one of the operators = < > & | here")
        value = stream.number("a value of at most 255")
        return Byte(Span(start, value.span.end), index, operator.text, value.value)

    def _field(self, token: Token) -> Field:
        """``field N``, ``field relation N`` or ``field (N or N ...)``."""
        stream = self.stream
        if not stream.accept("("):
            operator = stream.next().text if stream.punctuation(*RELATIONS) else "="
            number = stream.number(f"a number for '{token.text}'")
            return Field(Span(token.span.start, number.span.end), token.text, ((operator, number.value),))
        alternatives = [("=", stream.number("a number").value)]
        while stream.word("or"):
            stream.next()
            alternatives.append(("=", stream.number("a number").value))
        end = stream.expect(")").span.end
        return Field(Span(token.span.start, end), token.text, tuple(alternatives))

    def _relation(self) -> Relation:
        stream = self.stream
        left = parse_arithmetic(stream)
        operator = stream.next()
        if operator.kind is not Kind.PUNCTUATION or operator.text not in RELATIONS:
            raise stream.unexpected(operator, "a number alone is not a condition; compare it with = != < <= > or >=")
        right = parse_arithmetic(stream)
        if stream.punctuation(*RELATIONS):
            raise stream.unexpected(stream.peek(), "comparisons do not chain; join two of them with 'and'")
        return Relation(Span(left.span.start, right.span.end), operator.text, left, right)

    # What went wrong?

    def _not_joined(self) -> FilterError:
        token = self.stream.peek()
        if token.kind is Kind.END:
            opening = self.frames[-1].opening
            assert opening is not None
            return FilterError("this parenthesis is never closed", opening.span, reason=Reason.SYNTAX)
        if self.stream.punctuation(")"):
            return FilterError("this parenthesis closes none that was opened", token.span, reason=Reason.SYNTAX)
        if token.kind is Kind.PUNCTUATION:
            return self.stream.unexpected(token, "'and', 'or' or the end of the expression is needed here")
        return self.stream.unexpected(token, "two conditions need 'and' or 'or' between them")


class _Lookahead:
    """What the parser must know of tokens further on, found in one pass so that no nesting makes it slow.

    ``partner``: the position of an opening parenthesis, mapped to that of the one that closes it. For every position:
    ``first_inside``, the first token there or later that is neither an opening parenthesis nor ``not``, and
    ``behind_closings``, the first that is no closing parenthesis.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.partner: dict[int, int] = {}
        self.first_inside = list(range(len(tokens)))
        self.behind_closings = list(range(len(tokens)))
        closed: list[int] = []
        for position in range(len(tokens) - 2, -1, -1):
            kind, text = tokens[position].kind, tokens[position].text
            if kind is Kind.PUNCTUATION and text == ")":
                closed.append(position)
                self.behind_closings[position] = self.behind_closings[position + 1]
            elif kind is Kind.PUNCTUATION and text == "(":
                if closed:
                    self.partner[position] = closed.pop()
                self.first_inside[position] = self.first_inside[position + 1]
            elif kind is Kind.WORD and text == "not":
                self.first_inside[position] = self.first_inside[position + 1]
