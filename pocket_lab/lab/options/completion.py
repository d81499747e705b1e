"""Completion of options: for the line of a magic, and as a script for bash or zsh."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from pocket_lab.lab.options.option import Face
from pocket_lab.lab.options.table import OPTIONS, options_of

SHELLS = ("bash", "zsh")
_CHOICES = {flag: option.choices for option in OPTIONS if option.choices for flag in option.flags}
_SCRIPT = """\
_pocket_lab() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" words="" prefix=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    else
        case "${{COMP_WORDS[COMP_CWORD-1]}}" in
{values}
            *) case "${{COMP_WORDS[1]}}" in
{options}
            esac ;;
        esac
    fi
    case "$current" in *,*) prefix="${{current%,*}}," ;; esac
    COMPREPLY=($(compgen -P "$prefix" -W "$words" -- "${{current##*,}}"))
}}
complete -o default -F _pocket_lab pocket-lab"""


def complete(verb: str, face: Face, before: str, token: str) -> list[str]:
    """What can be completed at the cursor: the options of the verb, or the values of the option `before` ends with.

    `before` is the line up to the token, `token` what is typed of the word at the cursor.
    """
    words = before.split()
    if before and not before[-1].isspace():  # inside a list such as threads,proc
        words = words[:-1]
    if words and words[-1] in _CHOICES:
        return [value for value in _CHOICES[words[-1]] if value.startswith(token)]
    if not token.startswith("-"):
        return []
    return [flag for option in options_of(verb, face) for flag in option.flags if flag.startswith(token)]


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """A script that completes commands, options and their known values; zsh reads it through its bash emulation."""
    commands = dict(_commands(parser))
    values = [f"            {flag}) words={' '.join(choices)!r} ;;" for flag, choices in _CHOICES.items()]
    options = [f"            {name}) words={' '.join(words)!r} ;;" for name, words in commands.items() if words]
    script = _SCRIPT.format(commands=" ".join(commands), values="\n".join(values), options="\n".join(options))
    return script if shell == "bash" else f"autoload -Uz compinit bashcompinit && compinit && bashcompinit\n{script}"


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    """The commands of a parser with the words that each takes."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                flags = [flag for each in command._actions for flag in each.option_strings]
                yield name, flags + [str(value) for each in command._actions for value in each.choices or ()]
