"""The preview of a text-to-image training: a contact sheet of what the model makes of prompts."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from calotype.conditioning.prompt import MAX_CHUNKS, chunks
from calotype.errors import UserError
from calotype.generate.request import MAX_PROMPT_LENGTH, Request, Sampling
from calotype.generate.run import run
from calotype.generate.sheets import contact_sheet
from calotype.model import LatentDiffusion
from calotype.training.vocabulary import Captioned, captions_of

PICTURES = 16  # where no prompts are named
STEPS = 20


def check_prompts(model: LatentDiffusion, prompts: Sequence[str], setting: str) -> None:
    """UserError, beginning with ``setting``, for a prompt that is too long to be encoded."""
    try:
        for prompt in prompts:
            chunks(model.text.tokenizer, prompt, "none")
    except UserError as error:
        raise UserError(f"{setting}: {error}") from None


def prompt_preview(
    model: LatentDiffusion, prompts: Sequence[str], source: Captioned, guidance_scale: float
) -> Image.Image:
    """Pictures of ``prompts``, or where there are none of the first captions of ``source``."""
    # A token is a byte at least, so that so many letters are never too many chunks.
    longest = min(MAX_PROMPT_LENGTH, (model.text.tokenizer.max_length - 2) * MAX_CHUNKS // 4)
    prompts = tuple(prompts) or tuple(text[:longest] for text in captions_of(source, PICTURES))
    sampling = Sampling(steps=STEPS, guidance_scale=guidance_scale)
    pictures = run(model, Request(prompt=prompts, weighting="none", sampling=sampling))
    return contact_sheet([picture.image for picture in pictures], columns=8)
