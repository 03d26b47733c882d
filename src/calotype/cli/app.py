"""The ``calotype`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from calotype import __version__
from calotype.cli.mistakes import one_line
from calotype.errors import UserError

COMMANDS = {
    "average": "Write a run's model anew, its weights averaged over another length of time.",
    "convert": "Write a model in another layout.",
    "evaluate": "Measure how well a model follows prompts.",
    "generate": "Make pictures from words.",
    "inspect": "Tell what a model's file holds, or what a picture says of its making.",
    "presets": "List the named configurations, with their sizes.",
    "replay": "Make a picture again from what its file says.",
    "scenes": "Draw scenes of the built-in world.",
    "sweep": "Make a picture for every combination of some options' values.",
    "tokens": "Show what a prompt becomes: parts, chunks, tokens, weights.",
    "train": "Train a model as a TOML file says.",
    "verify": "Prove the numbers against diffusers and transformers.",
}

app = App(
    name="calotype",
    help="Latent diffusion, whole: from a folder of pictures to a served text-to-image model.",
    version=__version__,
    default_parameter=Parameter(negative=()),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for name, text in COMMANDS.items():
    # By import path: a command's module is imported when it is called, and `--help` is quick.
    app.command(f"calotype.cli.{name}:{name}", name=name, help=text)
app.register_install_completion_command(help="Complete commands and options in your shell.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    0; what a command gives, as 1 where it found a difference; 2 for a user's mistake; 130 if
    stopped; 141 if nobody reads on.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        status = app(arguments, print_error=False, exit_on_error=False)
    except (CycloptsError, UserError) as error:
        print(f"calotype: {one_line(error, COMMANDS)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("calotype: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Who read along has left, as `head` does; what is still unsaid goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status if isinstance(status, int) else 0
