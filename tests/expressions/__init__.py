"""Expressions to test with: tables that cover the language, names with fixed answers, random expressions."""

from __future__ import annotations

from .names import NAMED, FixedNames
from .random import combined, conditions, expressions
from .tables import EXPRESSIONS, NETMASK, TUNNELS

__all__ = ["EXPRESSIONS", "NAMED", "NETMASK", "TUNNELS", "FixedNames", "combined", "conditions", "expressions"]
