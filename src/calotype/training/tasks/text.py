"""Training a text encoder on captions of the built-in world: to tell what is where from words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from calotype.checkpoints import load_text, save_text
from calotype.conditioning import CLIPTextEncoder, TextEmbedder
from calotype.errors import UserError
from calotype.example import Batch
from calotype.generate.pictures import to_images
from calotype.generate.sheets import contact_sheet
from calotype.presets import text_config
from calotype.scenes import COLOURS
from calotype.scenes.cells import WIDTHS, losses
from calotype.training.layout_head import LayoutHead
from calotype.training.settings import TrainSettings
from calotype.training.sources import ReportProgress, reading_table, scenes_of
from calotype.training.task import Loss, Task
from calotype.training.task_settings import TextSettings
from calotype.training.vocabulary import captions_of, kept_tokenizer, learned_tokenizer

PREVIEW_CAPTIONS = 16  # captions in the preview, where no prompts are named
ENLARGED = 8  # pixels of a cell there
FULL = 0.08  # a presence that is shown in full colour: it is shared by cells


class TextTask(Task):
    """What CLIP's training on captioned pictures is for its text encoder, from scenes' records.

    No picture takes part: a head, thrown away after, says from the caption alone which object is
    where. Words that mean something only together ("a red cube to the left of a blue ball") are
    bound here in minutes, which the error of a noise hardly teaches at all.
    """

    def __init__(self, settings: TrainSettings, report: ReportProgress):
        if settings.data.source != "scenes":
            raise UserError('task text needs data.source = "scenes": their records say what is in')
        self.settings, self.own = settings, settings.text or TextSettings()
        self.source = scenes_of(settings.data)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.text = self._build()
            self.head = LayoutHead(self.text.encoder.config.hidden_size)
        self.network = nn.ModuleDict({"text": self.text, "head": self.head})
        self.network.to(settings.loop.device)
        self.targets = reading_table(settings, report)

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
        wanted = torch.from_numpy(self.targets[list(indices)]).float()
        return Batch(positions, tuple(self.source.captions(indices, variants)), targets=wanted)

    def loss(self, batch: Batch) -> Loss:
        assert batch.targets is not None
        cells, grounds = self.head(self.text(batch.captions))
        found = losses(cells, grounds, batch.targets.to(self.settings.loop.device))
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
