"""evaluate: how well a model does what words say, in the built-in world, and what it can't do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from PIL import Image

from calotype.errors import UserError
from calotype.evaluation.judge import load_reader
from calotype.evaluation.mean import Mean
from calotype.evaluation.prompts import KINDS, PICTURE_SEED, ScenePrompt, scene_prompts
from calotype.evaluation.reconstruction import psnr, round_trip
from calotype.evaluation.share import Share
from calotype.generate.events import Picture, Progress
from calotype.generate.pictures import to_picture
from calotype.generate.request import Sampling, TextToImage
from calotype.generate.run import events
from calotype.model import LatentDiffusion
from calotype.names import PromptKind
from calotype.scenes import SceneSource, render
from calotype.scenes.reader import SIZE, Reader, read
from calotype.scenes.reading import ATTRIBUTES, STATED, Mistake, Reading, mistakes, shows

RENDERING_SEED = 30_000  # renderings that no recipe of ours trains on
BATCH_SIZE = 16


@dataclass(frozen=True)
class EvaluationProgress:
    """How far a part of an evaluation is."""

    part: str
    done: int
    total: int


@dataclass(frozen=True)
class Judged:
    """A picture, its prompt, and what it shows otherwise; without mistakes, it shows all of it."""

    image: Image.Image
    prompt: str
    mistakes: tuple[Mistake, ...]


@dataclass
class Report:
    """What an evaluation found.

    shares: of pictures in which all that was stated reads back right, by row: the kinds of
        prompts, and "ceiling", renderings of two objects after the autoencoder's round trip,
        judged as pairs are.
    parts: for each kind of prompt, the share of pictures without a mistake in the ground, in the
        count and, among those with the right count, in each attribute and in the relation.
    reading: the reader's shares of right attributes on renderings; "scenes": of renderings of two
        objects that are wholly right, material included.
    reconstruction_psnr, object_psnr: dB of each rendering, whole and inside the objects.
    pictures: all pictures by kind of prompt, in the prompts' order.
    """

    sampling: Sampling
    shares: dict[str, Share] = field(default_factory=dict)
    parts: dict[PromptKind, dict[str, Share]] = field(default_factory=dict)
    reading: dict[str, Share] = field(default_factory=dict)
    reconstruction_psnr: Mean = field(default_factory=Mean)
    object_psnr: Mean = field(default_factory=Mean)
    pictures: dict[PromptKind, list[Judged]] = field(default_factory=dict)


def evaluate(
    model: LatentDiffusion,
    count: int = 500,
    sampling: Sampling | None = None,
    kinds: Sequence[PromptKind] = tuple(KINDS),
) -> Iterator[EvaluationProgress | Report]:
    """Tell how an evaluation on ``count`` prompts of each kind goes; its report comes last.

    sampling: how pictures are made; None for the defaults. Its seed is not used: picture k of each
        kind has seed ``PICTURE_SEED`` + k.
    """
    channels = model.autoencoder.config.in_channels
    if channels != 3:
        raise UserError(f"{model.name}: its pictures have {channels} channels; scenes have 3")
    chosen = (sampling or Sampling()).model_copy(update={"seed": PICTURE_SEED})
    reader, report = load_reader(model.device), Report(chosen)
    for kind in dict.fromkeys(kinds):
        yield from _pictures(model, reader, kind, count, report)
    yield from _renderings(model, reader, count, report)
    yield report


def _pictures(
    model: LatentDiffusion, reader: Reader, kind: PromptKind, count: int, report: Report
) -> Iterator[EvaluationProgress]:
    """Make and read the pictures of one kind of prompts."""
    asked = scene_prompts(kind, count)
    request = TextToImage(prompt=tuple(each.prompt for each in asked), sampling=report.sampling)
    judged: list[Judged] = []
    for event in events(model, request, batch_size=BATCH_SIZE):
        if isinstance(event, Progress):
            yield EvaluationProgress(kind, event.done * count // event.total, count)
        elif isinstance(event, Picture):
            judged.append(judge(event.image, asked[event.index], reader))
    report.pictures[kind] = judged
    report.shares[kind] = Share(sum(not each.mistakes for each in judged), count)
    wrong = Counter(name for each in judged for name in {mistake.kind for mistake in each.mistakes})
    seen = dict.fromkeys(("ground", "count"), count)
    seen |= dict.fromkeys((*STATED, *["relation"] * (kind == "pair")), count - wrong["count"])
    report.parts[kind] = {name: Share(n - wrong[name], n) for name, n in seen.items()}


def judge(image: Image.Image, asked: ScenePrompt, reader: Reader) -> Judged:
    """What a picture shows otherwise than it was asked for, as the reader tells."""
    device = next(reader.parameters()).device
    (reading,) = read(reader, to_picture(image)[None].to(device))
    image.thumbnail((SIZE, SIZE))  # thousands are kept, for sheets
    return Judged(image, asked.prompt, mistakes(reading, asked.scene))


def _renderings(
    model: LatentDiffusion, reader: Reader, count: int, report: Report
) -> Iterator[EvaluationProgress]:
    """Read held-out renderings of two objects, as they are and after the autoencoder."""
    source = SceneSource(RENDERING_SEED, count, objects=(2, 2), split="all")
    before: list[Reading] = []
    after: list[Reading] = []
    whole: list[float] = []
    inside: list[float] = []
    for start in range(0, count, BATCH_SIZE):
        stop = min(start + BATCH_SIZE, count)
        shown = render([source.scene(index) for index in range(start, stop)], SIZE)
        pictures = shown.pictures.to(model.device)
        kept = round_trip(model.autoencoder, pictures)
        before += read(reader, pictures)
        after += read(reader, kept)
        whole += psnr(kept, pictures).tolist()
        inside += psnr(kept, pictures, shown.objects.to(model.device) > 0).tolist()
        yield EvaluationProgress("renderings", stop, count)
    report.reconstruction_psnr, report.object_psnr = Mean(whole), Mean(inside)
    report.reading = _accuracies(before, source)
    kept_right = [shows(reading, source.scene(index)) for index, reading in enumerate(after)]
    report.shares["ceiling"] = Share(sum(kept_right), count)


def _accuracies(readings: Sequence[Reading], source: SceneSource) -> dict[str, Share]:
    """The shares of right grounds, counts, attributes and relations, and of "scenes" wholly right.

    Attributes and relations are judged where the count is right.
    """
    wrong: Counter[str] = Counter()
    for index, reading in enumerate(readings):
        found = mistakes(reading, source.scene(index), ATTRIBUTES)
        kinds = [mistake.kind for mistake in found]
        wrong.update([kind for kind in kinds if kind in ATTRIBUTES])
        wrong.update(set(kinds) - set(ATTRIBUTES))
        wrong["scenes"] += bool(found)
    count = len(readings)
    counted = count - wrong["count"]
    totals = {"ground": count, "count": count} | dict.fromkeys(ATTRIBUTES, 2 * counted)
    totals |= {"relation": counted, "scenes": count}
    return {name: Share(total - wrong[name], total) for name, total in totals.items()}
