"""The command that prints a shell's completion of all commands."""

import click
from click.shell_completion import get_completion_class

from pollable.cli.environment import configured
from pollable.cli.exits import codes

SHELLS = ("bash", "fish", "zsh")


@click.command(epilog=codes("done"))
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion of these commands for a shell, to be read where it starts.

    \b
    bash  eval "$(pollable completion bash)"    in ~/.bashrc
    zsh   eval "$(pollable completion zsh)"     in ~/.zshrc, after compinit
    fish  pollable completion fish > ~/.config/fish/completions/pollable.fish
    """
    configured()
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(ctx.find_root().command, {}, "pollable", "_POLLABLE_COMPLETE").source())
