"""``cbpf completion``: what makes a shell complete options, names of link types and interfaces, and keywords."""

from __future__ import annotations

from typing import Any, Final

import click

from cbpf.cli.streams import put

VARIABLE = "_CBPF_COMPLETE"
"""The environment variable by which a shell asks for completions."""

_EXAMPLES = """\b
Examples:
  bash: echo 'eval "$(cbpf completion bash)"' >> ~/.bashrc
  zsh:  echo 'eval "$(cbpf completion zsh)"' >> ~/.zshrc
  fish: cbpf completion fish > ~/.config/fish/completions/cbpf.fish
"""

# Bash tells of '@' and what follows it as of two words (COMP_WORDBREAKS, bash(1)), though it completes both as one.
_MORE: Final = {
    "bash": r"""
_cbpf_named_filters() {
    local -a words=()
    local number cword=0
    for number in "${!COMP_WORDS[@]}"; do
        if [[ ${#words[@]} -gt 0 && ${words[-1]} == @ ]]; then
            words[-1]+=${COMP_WORDS[number]}
        else
            words+=("${COMP_WORDS[number]}")
        fi
        if (( number == COMP_CWORD )); then cword=$(( ${#words[@]} - 1 )); fi
    done
    local COMP_WORDS=("${words[@]}") COMP_CWORD=$cword
    _cbpf_completion "$@"
}
complete -o nosort -F _cbpf_named_filters cbpf
"""
}


@click.command("completion", short_help="Print what makes a shell complete.", epilog=_EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the script that makes SHELL complete the words of a 'cbpf' command line."""
    from click.shell_completion import get_completion_class

    from cbpf.cli.application import group

    kind = get_completion_class(shell)
    assert kind is not None
    if shell == "bash":
        # click asks the bash in the path for its version, which need not be there to print a script.
        kind = type("Bash", (kind,), {"_check_version": staticmethod(lambda: None)})
    put(kind(group, {}, "cbpf", VARIABLE).source() + "\n" + _MORE.get(shell, ""))
    return 0


def linktypes(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[Any]:
    """The names of link types that begin so."""
    from click.shell_completion import CompletionItem

    from cbpf.linktypes import NUMBERS

    return [CompletionItem(name) for name in NUMBERS if name.startswith(begun.upper())]


def interfaces(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[Any]:
    """The names of network interfaces that begin so."""
    from click.shell_completion import CompletionItem

    from cbpf.capture.live import interfaces as listed

    return [CompletionItem(each.name, help=" ".join(each.flags)) for each in listed() if each.name.startswith(begun)]


def keywords(context: click.Context, _parameter: click.Parameter, begun: str) -> list[Any]:
    """The keywords of the filter language that begin so; files, for those that the shell puts behind -r.

    Named filters, where ``@`` stands, with their titles.
    """
    from click.shell_completion import CompletionItem

    from cbpf.language.vocabulary import CONSTANTS, KEYWORDS

    before, at, name = begun.rpartition("@")
    if at:
        return [CompletionItem(f"{before}@{item.value}", help=item.help) for item in filters(context, _parameter, name)]
    words = [word for word in (*KEYWORDS, *CONSTANTS) if begun and word.startswith(begun) and word[0].isalpha()]
    return [CompletionItem(word) for word in words] or [CompletionItem(begun, type="file")]


def filters(context: click.Context, _parameter: click.Parameter, begun: str) -> list[Any]:
    """The named filters that begin so, with their titles. There are none if they cannot be read."""
    from click.shell_completion import CompletionItem

    from cbpf.errors import CbpfError
    from cbpf.library import default_library

    try:
        library = default_library(context.params.get("folders") or ())
        found = [library.find(name) for name in library.names() if name.startswith(begun)]
    except CbpfError:
        return []
    return [CompletionItem(each.name, help=each.header.title or None) for each in found if each is not None]
