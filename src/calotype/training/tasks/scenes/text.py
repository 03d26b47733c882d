"""Training a text encoder on captions of scenes: it learns to predict from words what is where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from PIL import Image
from pydantic import Field
from torch import Tensor, nn

from calotype.checkpoints import load_text, save_text
from calotype.conditioning import CLIPTextEncoder, TextEmbedder
from calotype.example import Batch
from calotype.generate.pictures import to_images
from calotype.generate.request import Prompt
from calotype.generate.sheets import contact_sheet
from calotype.presets import text_config
from calotype.scenes import COLOURS
from calotype.scenes.cells import WIDTHS, losses
from calotype.settings import IDENTITY, Settings
from calotype.training.run_settings import RunSettings
from calotype.training.sources import ReportProgress
from calotype.training.task import Loss, Task
from calotype.training.tasks.scenes.layout_head import LayoutHead
from calotype.training.tasks.scenes.tables import cell_table, require_scenes
from calotype.training.vocabulary import captions_of, kept_tokenizer, learned_tokenizer

PREVIEW_CAPTIONS = 16  # captions in the preview, where no prompts are named
ENLARGED = 8  # pixels of a cell there
FULL = 0.08  # a presence that is shown in full colour: it is shared by cells


class TextSettings(Settings):
    """The table ``[text]`` of a recipe."""

    kind: Literal["text"] = "text"
    preset: Annotated[str, IDENTITY] = Field(
        default="scenes", description="named text encoder; calotype presets lists them"
    )
    start: Annotated[Path | None, IDENTITY] = Field(
        default=None,
        description='text encoder and words that the run goes on from: the model "scenes", or a '
        "folder; none: from nothing",
    )
    vocabulary: Annotated[int, IDENTITY] = Field(
        default=768, ge=515, description="largest number of tokens, learned from captions"
    )
    preview_prompts: tuple[Prompt, ...] = Field(
        default=(), description="captions of the preview grid; none: the first of the scenes"
    )

    def make(self, settings: RunSettings, report: ReportProgress) -> TextTask:
        return TextTask(self, settings, report)


class TextTask(Task):
    """Teaches a text encoder what CLIP's learns of captioned pictures, from the records of scenes.

    No picture takes part: a head, thrown away after, predicts from the caption alone which object
    is where. Words that mean something only together ("a red cube to the left of a blue ball") are
    learned here in minutes, which the error of a noise hardly teaches at all.
    """

    def __init__(self, own: TextSettings, settings: RunSettings, report: ReportProgress):
        data = require_scenes(settings.data, "task text")
        self.settings, self.own = settings, own
        self.source = data.open()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.text = self._build()
            self.head = LayoutHead(self.text.encoder.config.hidden_size)
        self.network = nn.ModuleDict({"text": self.text, "head": self.head})
        self.network.to(settings.loop.device)
        self.cells = cell_table(settings, data, report)

    def _build(self) -> TextEmbedder:
        """The preset's encoder with words learned from the captions, or a trained one."""
        if self.own.start:
            text = load_text(self.own.start, torch.float32)
            tokenizer = kept_tokenizer(self.settings.out, lambda: text.tokenizer)
            return TextEmbedder(tokenizer, text.encoder)
        config, vocabulary = text_config(self.own.preset), self.own.vocabulary
        tokenizer = kept_tokenizer(
            self.settings.out,
            lambda: learned_tokenizer(self.source, vocabulary, config.max_position_embeddings),
        )
        return TextEmbedder(tokenizer, CLIPTextEncoder(config.for_vocabulary(tokenizer)))

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        known = self.source.known(indices, variants)
        return Batch(positions, {**known, "cells": self.cells(indices)})

    def loss(self, batch: Batch) -> Loss:
        cells, grounds = self.head(self.text(batch.known["captions"]))
        found = losses(cells, grounds, batch.known["cells"].to(self.settings.loop.device))
        return Loss(torch.stack([*found.values()]).sum(), found)

    @torch.inference_mode()
    def preview(self) -> Image.Image:
        """Where objects are expected to be, in the colours they are expected to have."""
        prompts = self.own.preview_prompts or captions_of(self.source, PREVIEW_CAPTIONS)
        cells, _ = self.head(self.text(prompts))
        presence, _, colour, *_ = cells.float().split([1, *WIDTHS, 2], dim=1)
        palette = 2 * torch.tensor([*COLOURS.values()]).to(colour).sqrt() - 1
        shown = torch.einsum("bkhw,kc->bchw", colour.softmax(1), palette)
        shown = shown * (presence.sigmoid() / FULL).clamp(max=1)
        large = shown.repeat_interleave(ENLARGED, 2).repeat_interleave(ENLARGED, 3)
        return contact_sheet(to_images(large.cpu()), columns=8)

    def export(self, folder: Path) -> None:
        """Write ``text_encoder`` and ``tokenizer``, for ``diffusion.text``."""
        save_text(self.text, folder)
