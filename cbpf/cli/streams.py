"""Standard streams and files of text: data to stdout, messages to stderr, and no noise when either goes away."""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress

import click

from cbpf.errors import FilterError, SavefileError

# No expression or program comes near; a device that never ends does.
_LONGEST_TEXT = 64 * 1024 * 1024


def printable(text: str) -> str:
    """The text, with escapes for what would make a terminal do things: names come from files, and of files."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


def complain(message: str) -> None:
    """Write a message to stderr, if there is one."""
    if sys.stderr is None:
        return
    text = f"cbpf: {printable(message)}\n"
    with suppress(OSError):
        try:
            number = sys.stderr.fileno()
        except (AttributeError, OSError, ValueError):  # not a file
            sys.stderr.write(text)
        else:
            # At once, past what Python keeps of the stream: a signal handler may complain in the middle of a complaint.
            os.write(number, text.encode(errors="backslashreplace"))


def input_name(path: str) -> str:
    """What to call the input ``path`` in messages."""
    return "standard input" if path == "-" else path


def named(error: SavefileError, name: str) -> str:
    """The text of ``error``, with ``name`` for its path."""
    return name + str(error).removeprefix(error.path)


def prepare_output() -> None:
    """Let stdout carry names that are not valid text, or that it has no letters for, and lose nothing."""
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    if isinstance(sys.stdout.buffer, io.RawIOBase):  # PYTHONUNBUFFERED: a signal could cut short what is written
        raw = sys.stdout.detach()
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), sys.stdout.encoding)
    codecs.register_error(_AS_IT_IS, _as_it_is)
    sys.stdout.reconfigure(errors=_AS_IT_IS)


_AS_IT_IS = "cbpf.as_it_is"


def _as_it_is(error: UnicodeError) -> tuple[str | bytes, int]:
    """The bytes that a name was made of, or else an escape for what the encoding does not have."""
    assert isinstance(error, UnicodeEncodeError)
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeEncodeError:
        return codecs.lookup_error("backslashreplace")(error)


def put(text: str) -> None:
    """Write to stdout. BrokenPipeError if nobody reads it any more; ClickException for what else goes wrong."""
    if sys.stdout is None:
        raise click.ClickException("standard output is closed")
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _given_up(error) from error


def flush() -> None:
    """Hand to the operating system what stdout still holds; raises as ``put`` does."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _given_up(error) from error


def finish_output() -> int:
    """Flush stdout for the last time, before the interpreter would and complain in its own way; 1 if that fails."""
    try:
        flush()
    except BrokenPipeError:
        discard_output()
    except click.ClickException as error:
        complain(error.message)
        return 1
    return 0


def discard_output() -> None:
    """Throw away what stdout still holds and whatever is written to it from now on."""
    with suppress(AttributeError, OSError, ValueError):  # no stdout, or one without a file number
        number = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def read_text(path: str) -> str:
    """The text of the file ``path`` ("-" for standard input), which is UTF-8.

    Raises ClickException, status 1, if it cannot be read, and FilterError, status 2, if it is not text.
    """
    name = input_name(path)
    data = read_bytes(path)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FilterError(f"{name}: not UTF-8 text: {data[error.start]:#04x} at byte {error.start}") from error


def read_bytes(path: str) -> bytes:
    """What is in the file ``path`` ("-" for standard input). Raises ClickException, status 1, if it cannot be read."""
    name = input_name(path)
    try:
        data = _read(path)
    except OSError as error:
        raise click.ClickException(f"{name}: cannot read: {error.strerror or error}") from error
    if len(data) > _LONGEST_TEXT:
        raise click.ClickException(f"{name}: has more than {_LONGEST_TEXT} bytes")
    return data


def _read(path: str) -> bytes:
    if path != "-":
        with open(path, "rb") as file:
            return file.read(_LONGEST_TEXT + 1)
    if sys.stdin is None:
        raise OSError("it is closed")
    return sys.stdin.buffer.read(_LONGEST_TEXT + 1)


def _given_up(error: OSError) -> click.ClickException:
    """What to raise about stdout, of which nobody will hear a second time."""
    discard_output()
    return click.ClickException(f"standard output: cannot write: {error.strerror or error}")
