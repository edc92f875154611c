"""The filter language: from text to a syntax tree whose every node knows the characters it came from.

``parse(text)`` reads the tree (``syntax``) from tokens (``tokens``); ``Names`` answers for what hosts, networks,
services, protocols and Ethernet stations are called. What an expression *means* on a link type is the compiler's
affair; the whole language is parsed whatever the link type.
"""

from cbpf.language.names import Names
from cbpf.language.parser import parse

__all__ = ["Names", "parse"]
