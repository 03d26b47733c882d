"""``calotype tokens``."""

from __future__ import annotations

from calotype.cli.options import from_options
from calotype.errors import UserError
from calotype.generate.request import PromptWeighting, Request


def tokens(
    prompt: str,
    /,
    model: str = "scenes",
    weighting: PromptWeighting = "a1111",
    steps: int = 20,
) -> None:
    """Show what a prompt becomes: its parts, their chunks, the tokens with their weights.

    Parameters
    ----------
    prompt: str
        A prompt, in quotes.
    model: str
        The model whose tokenizer reads it.
    weighting: str
        As of generate; none: (, ), [ and ] are words too.
    steps: int
        Steps of the sampler, for prompts that change from step to step.
    """
    request = from_options(
        Request, {"prompt": prompt, "weighting": weighting, "sampling": {"steps": steps}}
    )
    from calotype.checkpoints.load import read_parts
    from calotype.conditioning.report import describe_prompt

    tokenizer = read_parts(model).tokenizer
    if tokenizer is None:
        raise UserError(f'model "{model}" reads no text: it has no tokenizer')
    for line in describe_prompt(tokenizer, prompt, request.weighting, request.sampling.steps):
        print(line)
