"""Work with a time limit: in a process of its own, which is ended when the time is over."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any


def seconds_and_result(work: Callable[[], Any], limit: float) -> tuple[float, Any] | str:
    """How long it took and what came out; or what went wrong, as a text."""
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, work))
    process.start()
    sender.close()
    try:
        answer: tuple[float, Any] | str = receiver.recv() if receiver.poll(limit) else f"over {limit:.0f} s"
    except EOFError:
        answer = "crashes"
    finally:
        process.kill()
        process.join()
    return answer


def _send(sender: Connection, work: Callable[[], Any]) -> None:
    start = perf_counter()
    try:
        result = work()
    except Exception as error:  # whatever it is, the parent shows it
        sender.send(f"{type(error).__name__}: {error}".splitlines()[0][:100])
    else:
        sender.send((perf_counter() - start, result))
