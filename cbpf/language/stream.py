"""A cursor over tokens, and the errors about the token under it."""

from __future__ import annotations

from cbpf.errors import FilterError, Reason
from cbpf.language.tokens import Kind, Token
from cbpf.language.vocabulary import KEYWORDS

_JOINING = ("and", "or", "not")
_SUGGESTED = [word for word in KEYWORDS if word not in _JOINING]


class Stream:
    """Tokens with a position. The last token is always of kind END and is never passed."""

    def __init__(self, tokens: list[Token], text: str) -> None:
        self.tokens = tokens
        self.text = text
        self.position = 0

    def peek(self, ahead: int = 0) -> Token:
        return self.tokens[min(self.position + ahead, len(self.tokens) - 1)]

    def next(self) -> Token:
        token = self.peek()
        self.position += token.kind is not Kind.END
        return token

    def word(self, *words: str, ahead: int = 0) -> bool:
        """Whether the token there is one of these keywords."""
        token = self.peek(ahead)
        return token.kind is Kind.WORD and token.text in words

    def punctuation(self, *texts: str, ahead: int = 0) -> bool:
        """Whether the token there is one of these punctuation marks."""
        token = self.peek(ahead)
        return token.kind is Kind.PUNCTUATION and token.text in texts

    def accept(self, text: str) -> bool:
        """Pass the punctuation ``text`` if it is next."""
        found = self.punctuation(text)
        self.position += found
        return found

    def expect(self, text: str) -> Token:
        if not self.punctuation(text):
            raise self.unexpected(self.peek(), f"'{text}' is needed here")
        return self.next()

    def number(self, what: str) -> Token:
        token = self.next()
        if token.kind is not Kind.NUMBER:
            raise self.unexpected(token, f"{what} is needed here")
        return token

    def unexpected(self, token: Token, sentence: str) -> FilterError:
        """A syntax error about ``token``, with a suggestion if it is a name close to a keyword."""
        close = _closest_keyword(token.text.lower()) if token.kind is Kind.NAME else None
        hint = f"Did you mean '{close}'?" if close else None
        found = "the expression ends too early" if token.kind is Kind.END else f"unexpected {token.kind.value}"
        return FilterError(f"{found}: {sentence}", token.span, reason=Reason.SYNTAX, hint=hint)

    def not_a_name(self, token: Token, sentence: str) -> FilterError:
        """A syntax error about ``token``, just passed, where a name would have been right: keywords can be made one."""
        error = self.unexpected(token, sentence)
        stands_alone = self.peek().kind is Kind.END or self.punctuation(")") or self.word(*_JOINING)
        if token.kind is Kind.WORD and token.text not in _JOINING and stands_alone:
            written = self.text[token.span.start : token.span.end]
            error.hint = f"'{written}' is a keyword; to use it as a name, write \\{written}."
        return error


def _closest_keyword(word: str) -> str | None:
    """The keyword most like ``word``, if one is like it: first one with letters swapped, then difflib's choice."""
    from difflib import get_close_matches

    close = get_close_matches(word, _SUGGESTED, n=3, cutoff=0.66)
    return max(close, key=lambda keyword: sorted(keyword) == sorted(word), default=None)
