"""Becoming another user, when what needs the rights of this one is done."""

from __future__ import annotations

import os
from typing import NamedTuple

import click


class Account(NamedTuple):
    """A user of this system: numbers of the user and of the first group."""

    name: str
    user: int
    group: int


def account(name: str) -> Account:
    """The user of that name. Raises UsageError if there is none, or the system has no users."""
    try:
        import pwd

        found = pwd.getpwnam(name)
    except ImportError:
        raise click.UsageError("-Z: this system has no users to become") from None
    except KeyError:
        raise click.UsageError(f"-Z: there is no user '{name}'") from None
    return Account(name, found.pw_uid, found.pw_gid)


def _is(user: Account) -> bool:
    """Whether this process has no rights but a user's already."""
    groups = set(os.getgrouplist(user.name, user.group))
    same = {*os.getresuid()} == {user.user} and {*os.getresgid()} <= groups
    return same and set(os.getgroups()) <= groups


def become(name: str) -> None:
    """Give up all rights but those of a user, for good. Raises ClickException if that is not possible."""
    user = account(name)
    try:
        if _is(user):
            return
        os.initgroups(user.name, user.group)
        os.setgid(user.group)
        os.setuid(user.user)
    except OSError as error:
        raise click.ClickException(f"cannot become {name}: {error.strerror}") from error
