"""Completions for bash, zsh and fish. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from manual.commands import Command, Option


def bash(command: Command) -> str:
    """Return a file for bash-completion."""
    function = "_" + command.page.replace("-", "_")
    names = [one.words[-1] for one in command.commands]
    return f"""\
# bash completion of {command.name}, made from its parser.
{function}() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    local command="" word options="" arguments="" files="" offered
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in
            {"|".join(names)}) command=$word; break ;;
        esac
    done
    COMPREPLY=()
    case "$command:$previous" in
{chr(10).join(_bash_cases(command))}
    esac
    offered=$arguments
    [[ -n $command ]] || offered="{" ".join(names)}"
    [[ $current != -* ]] || offered=$options
    mapfile -t COMPREPLY < <(compgen -W "$offered" -- "$current")
    if [[ ${{#COMPREPLY[@]}} -eq 0 && $current != -* && -n $files ]]; then
        compopt -o default
    fi
}}
complete -F {function} {command.name}
"""


def _bash_cases(command: Command) -> Iterator[str]:
    for one in (*command.commands, command):
        name = "" if one is command else one.words[-1]
        for option in one.options:
            if option.metavar:
                for flag in option.flags:
                    yield f"        {name}:{flag}) {_bash_value(option)}; return ;;"
    for one in (*command.commands, command):
        name = "" if one is command else one.words[-1]
        flags = " ".join(flag for option in one.options for flag in option.flags)
        words = " ".join(word for argument in one.arguments for word in argument.choices)
        files = "yes" if any(argument.is_file for argument in one.arguments) else ""
        yield f'        {name}:*) options="{flags}" arguments="{words}" files="{files}" ;;'


def _bash_value(option: Option) -> str:
    if option.choices:
        return f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(option.choices)}" -- "$current")'
    return "compopt -o default" if option.is_file else ":"


def zsh(command: Command) -> str:
    """Return a file for zsh's vendor-completions."""
    lines = [f"#compdef {command.name}", f"# Made from the parser of {command.name}.", ""]
    lines += [f"{_zsh_function(command)}() {{", "    local -a commands", "    commands=("]
    lines += [f"        {_zsh_text(f'{one.words[-1]}:{one.summary}')}" for one in command.commands]
    lines += ["    )", "    local context state state_descr line", "    typeset -A opt_args"]
    lines += ["    _arguments -C \\"]
    lines += [
        f"        {_zsh_text(text)} \\" for one in command.options for text in _zsh_option(one)
    ]
    lines += ["        '1:command:->command' '*::argument:->argument'", "    case $state in"]
    lines += ["        command) _describe command commands ;;", "        argument)"]
    lines += ["            case $words[1] in"]
    for below in command.commands:
        texts = [text for one in below.options for text in _zsh_option(one)]
        texts += [
            f"{'*' if one.many else number}:{_zsh_plain(one.metavar)}:{_zsh_action(one)}"
            for number, one in enumerate(below.arguments, 1)
        ]
        given = " ".join(map(_zsh_text, texts))
        lines.append(f"                {below.words[-1]}) _arguments {given} ;;")
    lines += ["            esac ;;", "    esac", "}", "", f'{_zsh_function(command)} "$@"', ""]
    return "\n".join(lines)


def _zsh_function(command: Command) -> str:
    return f"_{command.page}"


def _zsh_option(option: Option) -> Iterator[str]:
    words = _zsh_plain(option.words).replace("[", "\\[").replace("]", "\\]")
    value = f":{_zsh_plain(option.metavar)}:{_zsh_action(option)}" if option.metavar else ""
    for flag in option.flags:
        yield f"{flag}[{words}]{value}"


def _zsh_action(option: Option) -> str:
    if option.choices:
        return f"({' '.join(option.choices)})"
    return "_files" if option.is_file else " "


def _zsh_plain(text: str) -> str:
    return text.replace(":", ".")


def _zsh_text(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def fish(command: Command) -> str:
    """Return a file for fish's vendor completions."""
    name = command.name
    names = " ".join(one.words[-1] for one in command.commands)
    none = f"not __fish_seen_subcommand_from {names}"
    lines = [f"# Made from the parser of {name}.", f"complete -c {name} -f"]
    for below in command.commands:
        words = _fish_text(below.summary)
        lines.append(f"complete -c {name} -n '{none}' -a {below.words[-1]} -d {words}")
    lines += [_fish_option(name, none, one) for one in command.options]
    for below in command.commands:
        seen = f"__fish_seen_subcommand_from {below.words[-1]}"
        lines += [_fish_option(name, seen, one) for one in below.options]
        for one in below.arguments:
            if one.choices:
                lines.append(f"complete -c {name} -n '{seen}' -a '{' '.join(one.choices)}'")
            elif one.is_file:
                lines.append(f"complete -c {name} -n '{seen}' -F")
    return "\n".join((*lines, ""))


def _fish_option(name: str, when: str, option: Option) -> str:
    flags = " ".join(
        f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags
    )
    value = ""
    if option.choices:
        value = f" -x -a '{' '.join(option.choices)}'"
    elif option.metavar:
        value = " -r -F" if option.is_file else " -x"
    return f"complete -c {name} -n '{when}' {flags}{value} -d {_fish_text(option.words)}"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
