"""Training a text-conditional diffusion model in the latents of a frozen autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from calotype.autoencoder import Autoencoder, FirstStage, Pixels, PixelsConfig
from calotype.checkpoints import load, load_autoencoder, load_text, save
from calotype.conditioning import CLIPTextEncoder, Conditioner, TextEmbedder, Tokenizer
from calotype.conditioning.prompt import MAX_CHUNKS
from calotype.data import encoded_table
from calotype.diffusion import SchedulerConfig, normal, training_loss
from calotype.errors import UserError
from calotype.example import Batch
from calotype.generate.request import MAX_PROMPT_LENGTH, Sampling, TextToImage
from calotype.generate.run import run
from calotype.generate.sheets import contact_sheet
from calotype.model import LatentDiffusion
from calotype.presets import text_config, unet_config
from calotype.training.digest import digest
from calotype.training.noise_and_timesteps import added_noise, condition_dropout, even_timesteps
from calotype.training.settings import TrainSettings
from calotype.training.sources import (
    ReportProgress,
    open_source,
    reading_table,
    require_channels,
    spread,
)
from calotype.training.supervision import Supervision
from calotype.training.task import Loss, Task
from calotype.training.vocabulary import (
    captions_of,
    kept_text,
    kept_tokenizer,
    learned_tokenizer,
)
from calotype.unet import UNet, UNetConfig

PREVIEW_PICTURES = 16  # pictures in the preview, where no prompts are named
MEASURED_PICTURES = 1024  # pictures over which the deviation of the latents is told
USUAL_DEVIATION = 0.4, 2.5  # that deviation, if the noise levels are to mean what they say
PREVIEW_STEPS = 20


class DiffusionTask(Task):
    """UNet and text encoder train together, or the UNet alone; the autoencoder is frozen.

    Latents are encoded once, as mean and deviation, and sampled anew each time they are seen.
    """

    def __init__(self, settings: TrainSettings, report: ReportProgress):
        if settings.diffusion is None:
            raise UserError("diffusion: the table is missing; task diffusion needs [diffusion]")
        self.settings, self.own = settings, settings.diffusion
        self.device = settings.loop.device
        autoencoder = self._first_stage()
        self.frozen = {"diffusion.autoencoder": digest(autoencoder)}
        self.source = open_source(settings.data, autoencoder.factor, report)
        self.model = self._build(autoencoder)
        self.channels = autoencoder.config.diffused_channels
        self.moments = self._encode_all(autoencoder, report)
        self.shares, self.remarks = {"conditioner.": self.own.text_rate}, self._remarks()
        self.supervision, self.targets = None, None
        parts: dict[str, nn.Module] = {"unet": self.model.unet}
        if self.own.text_rate:
            parts["conditioner"] = self.model.conditioner
        else:
            self.model.conditioner.requires_grad_(False)
        if self.own.supervision_weight:
            self.supervision, self.targets = self._supervise(report)
            parts["supervision"] = self.supervision
        self.network = nn.ModuleDict(parts)

    def _first_stage(self) -> FirstStage:
        """The frozen autoencoder, or none at all."""
        data = self.settings.data
        if str(self.own.autoencoder) == "pixels":
            return Pixels(PixelsConfig(data.channels, data.size))
        found = load_autoencoder(self.own.autoencoder, self.device, torch.float32)
        require_channels(found, data.channels, "diffusion.autoencoder")
        return found

    def _build(self, autoencoder: FirstStage) -> LatentDiffusion:
        """The model as it is before the first step: a function of the seed, or a trained one."""
        side = self.settings.data.size // autoencoder.factor
        channels = autoencoder.config.diffused_channels
        made = self._trained(side) if self.own.start else self._fresh(side, channels)
        unet, text, scheduler = made
        text.dropout = self.own.caption_dropout
        if self.own.zero_terminal_snr:
            scheduler = replace(scheduler, rescale_betas_zero_snr=True, timestep_spacing="trailing")
        if unet.config.in_channels != autoencoder.config.diffused_channels:
            raise UserError(
                f"diffusion.autoencoder: it makes {autoencoder.config.diffused_channels} channels, "
                f"but the UNet takes {unet.config.in_channels}"
            )
        return LatentDiffusion(
            unet=unet.to(self.device),
            autoencoder=autoencoder.eval().requires_grad_(False),
            conditioner=Conditioner([text]).to(self.device),
            scheduler=scheduler,
        )

    def _fresh(self, side: int, channels: int) -> tuple[UNet, TextEmbedder, SchedulerConfig]:
        """The preset's UNet, for these latents, and text encoder; a vocabulary of the captions."""
        text, published = text_config(self.own.preset), unet_config(self.own.preset)
        config = replace(
            published,
            sample_size=side,
            in_channels=channels,
            out_channels=channels,
        )
        self._require_trainable(config, self.own.zero_terminal_snr)
        if published.in_channels != published.out_channels:
            raise UserError(
                f'diffusion.preset = "{self.own.preset}": its UNet is given more than the noised '
                "latents, which no recipe has to give"
            )
        longest, vocabulary = text.max_position_embeddings, self.own.vocabulary
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            unet = UNet(config)
            embedder = self._text(
                unet,
                lambda: learned_tokenizer(self.source, vocabulary, longest),
                lambda tokenizer: CLIPTextEncoder(text.for_vocabulary(tokenizer)),
            )
        return unet, embedder, SchedulerConfig(prediction_type=self.own.prediction)

    def _trained(self, side: int) -> tuple[UNet, TextEmbedder, SchedulerConfig]:
        """The UNet, text encoder and schedule of the model that the run goes on from."""
        assert self.own.start is not None
        model = load(self.own.start, dtype=torch.float32)
        if model.scheduler.prediction_type != self.own.prediction:
            raise UserError(
                f'diffusion.prediction = "{self.own.prediction}": the model in diffusion.start was '
                f'trained with "{model.scheduler.prediction_type}"'
            )
        zero = self.own.zero_terminal_snr or model.scheduler.rescale_betas_zero_snr
        self._require_trainable(model.unet.config, zero)
        model.unet.config = replace(model.unet.config, sample_size=side)
        text = self._text(model.unet, lambda: model.text.tokenizer, lambda _: model.text.encoder)
        return model.unet, text, model.scheduler

    def _require_trainable(self, config: UNetConfig, zero_terminal_snr: bool) -> None:
        """UserError for a UNet or weights of the loss that this task can't train with."""
        if config.class_embed_type or config.num_class_embeds:
            raise UserError("diffusion: this UNet is told a class, which no recipe has to give")
        if zero_terminal_snr and self.own.weighting != "uniform":
            raise UserError(
                f'diffusion.weighting = "{self.own.weighting}": with zero terminal SNR noise alone '
                'would weigh nothing, and every walk begins there; use "uniform"'
            )

    def _text(
        self,
        unet: UNet,
        words: Callable[[], Tokenizer],
        encoder: Callable[[Tokenizer], CLIPTextEncoder],
    ) -> TextEmbedder:
        """The text encoder of ``diffusion.text``, or else this one, with the run's tokenizer."""

        def first() -> TextEmbedder:
            if not self.own.text:
                tokenizer = kept_tokenizer(self.settings.out, words)
                return TextEmbedder(tokenizer, encoder(tokenizer))
            text = load_text(self.own.text, torch.float32)
            width, read = text.encoder.config.hidden_size, unet.config.cross_attention_dim
            if set(unet.config.per_level(read)) != {width}:
                message = f"a token is {width} wide, but the UNet reads {read}"
                raise UserError(f"diffusion.text: {message}")
            return TextEmbedder(
                kept_tokenizer(self.settings.out, lambda: text.tokenizer), text.encoder
            )

        return first() if self.own.text_rate else kept_text(self.settings.out, first)

    def _encode_all(self, autoencoder: FirstStage, report: ReportProgress):
        """The moments of all pictures: mean of their raw latents, and deviation if there is any."""

        @torch.inference_mode()
        def encode(pictures: Tensor) -> Tensor:
            posterior = autoencoder.encode(pictures.to(self.device))
            if not isinstance(autoencoder, Autoencoder):  # a distribution without spread
                return posterior.mean.float()
            return torch.cat([posterior.mean, posterior.std], dim=1).float()

        return encoded_table(
            encode,
            self.source,
            self.settings.data.cache or self.settings.out / "cache",
            f"moments of {self.frozen['diffusion.autoencoder']}",
            "float32",
            lambda done, total: report("latents", done, total),
        )

    def _supervise(self, report: ReportProgress) -> tuple[Supervision, np.memmap]:
        """The head on the UNet's features, and what it should say of each scene."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            head = Supervision(self.model.unet).to(self.device)
        return head, reading_table(self.settings, report)

    def _remarks(self) -> tuple[str, ...]:
        """That the latents are far from what noise levels are made for, if they are."""
        stage = self.model.autoencoder
        some = self.moments[list(spread(len(self.source), MEASURED_PICTURES)), : self.channels]
        deviation = float(self.model.scale(torch.from_numpy(some)).std())
        if (
            isinstance(stage, Pixels)
            or USUAL_DEVIATION[0] < deviation < USUAL_DEVIATION[1]
            or not deviation
        ):
            return ()
        fitting = stage.config.scaling_factor / deviation
        return (
            f"diffusion.autoencoder = {self.own.autoencoder}: its scaled latents have a deviation "
            f"of {deviation:.2g}, where noise levels are made for 1; if that is not meant, write "
            f'"scaling_factor": {fitting:.4g} into its config.json',
        )

    def assemble(self, indices: Sequence[int], variants: Sequence[int], positions: Tensor) -> Batch:
        captions = tuple(self.source.captions(indices, variants))
        moments = torch.from_numpy(self.moments[list(indices)])
        weights = self._weights(indices, positions)
        wanted = None
        if self.targets is not None:
            wanted = torch.from_numpy(self.targets[list(indices)]).float()
        return Batch(positions, captions, moments=moments, weights=weights, targets=wanted)

    def _weights(self, indices: Sequence[int], positions: Tensor) -> Tensor | None:
        """How much each pixel counts, (B, H, W): the source's weights, fading as the run goes on.

        What is small in a picture is learned late, as it hardly shows in the loss. But a lasting
        weight would teach to see too much of it, so the last part of a run has none.
        """
        fade = self.own.weights_until * self.settings.loop.samples
        if not fade or positions[0] >= fade:
            return None
        found = [example.weight for example in self.source.examples(indices)]
        left = 1 - (positions / fade).clamp(max=1)
        weights = [weight for weight in found if weight is not None]
        return 1 + left[:, None, None] * (torch.stack(weights) - 1) if weights else None

    def loss(self, batch: Batch) -> Loss:
        assert batch.moments is not None
        seed, positions = self.settings.seed, batch.positions
        mean, *spread = batch.moments.to(self.device).split(self.channels, dim=1)
        shape = mean.shape[1:]
        for std in spread:
            mean = mean + std * normal(seed, positions, "posterior", shape).to(mean)
        latents = self.model.scale(mean)
        added = added_noise(positions, seed, shape, self.own.offset_noise).to(mean)
        schedule = self.model.scheduler.schedule
        t = even_timesteps(
            positions,
            seed,
            schedule.num_train_timesteps,
            self.own.timestep_shift,
            self.own.timestep_density,
        ).to(self.device)
        keep = condition_dropout(positions, seed, self.model.conditioner)
        condition = self.model.conditioner({"captions": batch.captions}, keep=keep)
        weights = batch.weights
        if weights is not None:
            weights = F.adaptive_avg_pool2d(weights, (mean.shape[-2], mean.shape[-1])).to(mean)
        losses = training_loss(
            self.model.unet,
            schedule,
            self.own.prediction,
            latents,
            t,
            added,
            condition,
            weighting=self.own.weighting,
            place_weights=weights,
        )
        if self.supervision is None or batch.targets is None:
            return Loss(losses.mean(), {})
        said = self.supervision(batch.targets.to(self.device))
        total = losses.mean() + self.own.supervision_weight * torch.stack([*said.values()]).sum()
        return Loss(total, {"denoising": losses.mean(), **said})

    def preview(self) -> Image.Image:
        # A token is a byte at least, so that many letters are never too many chunks.
        most = min(MAX_PROMPT_LENGTH, (self.model.text.tokenizer.max_length - 2) * MAX_CHUNKS // 4)
        prompts = self.own.preview_prompts or tuple(
            text[:most] for text in captions_of(self.source, PREVIEW_PICTURES)
        )
        sampling = Sampling(steps=PREVIEW_STEPS, guidance_scale=self.own.preview_guidance)
        pictures = run(self.model, TextToImage(prompt=prompts, weighting="none", sampling=sampling))
        return contact_sheet([picture.image for picture in pictures], columns=8)

    def export(self, folder: Path) -> None:
        """Write the whole model as a folder that other programs open."""
        save(self.model, folder)
