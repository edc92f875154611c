"""Fuzzing of the readers, steered by what the files make them do.

    pip install atheris                                     # coverage-guided, by libFuzzer
    mkdir found; python -m tests.fuzz.readers_atheris found captures ../shared/captures -max_total_time=600

Arguments are those of libFuzzer: folders with files to begin with, of which the first gets those that do something new,
and options. Without a folder it begins with nothing. What must be true of each file says ``tests.fuzz.readers``.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> None:
    """Fuzz until something is found, or libFuzzer's options say that it is enough."""
    try:
        import atheris
    except ImportError:
        sys.exit(
            "atheris is not installed: 'pip install atheris', or run tests/fuzz/test_readers.py, which does without"
        )
    with atheris.instrument_imports(include=["cbpf.capture"]):
        from tests.fuzz.readers import one_input

    def run(content: bytes) -> None:
        one_input(content)

    atheris.Setup([sys.argv[0], *arguments], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
