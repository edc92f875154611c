"""Comparisons of a field with numbers that it cannot hold, and what to write instead."""

from __future__ import annotations

from typing import NamedTuple

from cbpf.debug.comparisons import NAMED_FIELDS, constant
from cbpf.debug.spelling import arithmetic
from cbpf.language.syntax import Binary, Index, Number, Relation


class TooWide(NamedTuple):
    """``fitting`` is the comparison as it was probably meant, if that is clear."""

    reason: str
    fitting: str | None


def too_wide(tree: Relation, source: str) -> TooWide | None:
    """Why a comparison of a field with a constant has only one outcome; None if it may have both."""
    value = constant(tree.right)
    match tree.left:
        case Index(_, protocol, offset, size) if value is not None and value >> 8 * size:
            fitting = None
            if isinstance(offset, Number) and size == 1 and (protocol, offset.value, 2) in NAMED_FIELDS:
                field = arithmetic(tree.left, source).removesuffix("]")
                fitting = f"{field}:2] {tree.operator} {arithmetic(tree.right, source)}"
            bytes_ = "one byte holds" if size == 1 else f"{size} bytes hold"
            return TooWide(f"{bytes_} at most {(1 << 8 * size) - 1}", fitting)
        case Binary(_, "&", _, mask_tree):
            mask = constant(mask_tree)
            if mask is not None and value is not None and value & ~mask and tree.operator in ("=", "!="):
                return TooWide(f"of {mask:#x} and something, no bit of {value & ~mask:#x} is left", None)
    return None
