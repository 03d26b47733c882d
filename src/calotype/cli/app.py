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
    "average": "Write a run's model with its weights averaged over another length of time.",
    "convert": "Write a model in another layout.",
    "evaluate": "Measure how well a model follows prompts.",
    "generate": "Make pictures from prompts.",
    "inspect": "Show the contents of a model's file, or the metadata of a picture.",
    "presets": "List the named configurations, with their sizes.",
    "replay": "Make a picture again from its metadata.",
    "scenes": "Draw scenes of the built-in world.",
    "sweep": "Make a picture for every combination of the values of some options.",
    "tokens": "Show what a prompt becomes: parts, chunks, tokens, weights.",
    "train": "Train a model with the settings of a TOML file.",
    "verify": "Compare the outputs with those of diffusers and transformers.",
}

app = App(
    name="calotype",
    help="Latent diffusion, whole: from a folder of pictures to a trained text-to-image model.",
    version=__version__,
    default_parameter=Parameter(negative=()),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for name, text in COMMANDS.items():
    # By import path: a command's module is imported when it is called, which keeps `--help` quick.
    app.command(f"calotype.cli.{name}:{name}", name=name, help=text)
app.register_install_completion_command(help="Complete commands and options in your shell.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    0; the status that a command returns, such as 1 for a difference found; 2 for a user's mistake;
    130 if interrupted; 141 if stdout was closed.
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
        # The reader of stdout has closed it, as `head` does; discard what is still buffered.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status if isinstance(status, int) else 0
