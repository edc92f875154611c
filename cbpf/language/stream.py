"""A cursor over tokens, and the errors about the token under it."""

from __future__ import annotations

from cbpf.errors import FilterError, Reason
from cbpf.language.tokens import Kind, Token


class Stream:
    """Tokens with a position. The last token is always of kind END and is never passed."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
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
        """A syntax error about ``token``."""
        found = "the expression ends too early" if token.kind is Kind.END else f"unexpected {token.kind.value}"
        return FilterError(f"{found}: {sentence}", token.span, reason=Reason.SYNTAX)
