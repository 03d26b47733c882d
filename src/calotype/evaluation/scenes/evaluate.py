"""The evaluation on scenes: how well a model follows prompts about the built-in world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from calotype.errors import UserError
from calotype.evaluation.intervals import Mean, Share
from calotype.evaluation.reconstruction import psnr, round_trip
from calotype.evaluation.report import EvaluationProgress
from calotype.evaluation.scenes.judge import Judged, judge, load_reader
from calotype.evaluation.scenes.prompts import KINDS, scene_prompts
from calotype.evaluation.scenes.report import PICTURE_SEED, RENDERING_SEED, ScenesReport
from calotype.generate.events import Picture, Progress
from calotype.generate.request import Request, Sampling
from calotype.generate.run import events
from calotype.model import LatentDiffusion
from calotype.names import PromptKind
from calotype.scenes import SceneSource, render
from calotype.scenes.reader import SIZE, Reader, read
from calotype.scenes.reading import ATTRIBUTES, STATED, Reading, mistakes, shows

BATCH_SIZE = 16  # pictures


def evaluate_scenes(
    model: LatentDiffusion,
    count: int = 500,
    sampling: Sampling | None = None,
    kinds: Sequence[PromptKind] = (),
) -> Iterator[EvaluationProgress | ScenesReport]:
    """Make and judge pictures of ``count`` prompts of each kind; the report comes last.

    Renderings are judged too, before and after the autoencoder's round trip: they bound what the
    reader and the autoencoder let a model reach.

    sampling: how pictures are made; None for the defaults. Its seed is not used: picture k of each
        kind has seed ``PICTURE_SEED`` + k. kinds: none for all.

    Raises UserError for a model whose pictures do not have 3 channels.
    """
    channels = model.autoencoder.config.in_channels
    if channels != 3:
        raise UserError(f"{model.name}: its pictures have {channels} channels; scenes have 3")
    chosen = (sampling or Sampling()).model_copy(update={"seed": PICTURE_SEED})
    reader, report = load_reader(model.device), ScenesReport(chosen)
    for kind in dict.fromkeys(kinds or KINDS):
        yield from _pictures(model, reader, kind, count, report)
    yield from _renderings(model, reader, count, report)
    yield report


def _pictures(
    model: LatentDiffusion, reader: Reader, kind: PromptKind, count: int, report: ScenesReport
) -> Iterator[EvaluationProgress]:
    """Make and judge the pictures of one kind of prompts."""
    prompts = scene_prompts(kind, count)
    request = Request(prompt=tuple(each.prompt for each in prompts), sampling=report.sampling)
    judged: list[Judged] = []
    for event in events(model, request, batch_size=BATCH_SIZE):
        if isinstance(event, Progress):
            yield EvaluationProgress(kind, event.done * count // event.total, count)
        elif isinstance(event, Picture):
            judged.append(judge(event.image, prompts[event.index], reader))
    report.pictures[kind] = judged
    report.shares[kind] = Share(sum(not each.mistakes for each in judged), count)
    wrong = Counter(name for each in judged for name in {mistake.kind for mistake in each.mistakes})
    seen = dict.fromkeys(("ground", "count"), count)
    seen |= dict.fromkeys((*STATED, *["relation"] * (kind == "pair")), count - wrong["count"])
    report.parts[kind] = {name: Share(n - wrong[name], n) for name, n in seen.items()}


def _renderings(
    model: LatentDiffusion, reader: Reader, count: int, report: ScenesReport
) -> Iterator[EvaluationProgress]:
    """Read held-out renderings of two objects, as they are and after the autoencoder."""
    source = SceneSource(RENDERING_SEED, count, objects=(2, 2), split="all")
    before: list[Reading] = []
    after: list[Reading] = []
    whole: list[float] = []
    inside: list[float] = []
    for start in range(0, count, BATCH_SIZE):
        stop = min(start + BATCH_SIZE, count)
        rendering = render([source.scene(index) for index in range(start, stop)], SIZE)
        pictures = rendering.pictures.to(model.device)
        decoded = round_trip(model.autoencoder, pictures)
        before += read(reader, pictures)
        after += read(reader, decoded)
        whole += psnr(decoded, pictures).tolist()
        inside += psnr(decoded, pictures, rendering.objects.to(model.device) > 0).tolist()
        yield EvaluationProgress("renderings", stop, count)
    report.reconstruction_psnr, report.object_psnr = Mean(whole), Mean(inside)
    report.reading = _accuracies(before, source)
    right = [shows(reading, source.scene(index)) for index, reading in enumerate(after)]
    report.shares["ceiling"] = Share(sum(right), count)


def _accuracies(readings: Sequence[Reading], source: SceneSource) -> dict[str, Share]:
    """The shares of right grounds, counts, attributes and relations; "scenes": all of them right.

    Attributes and relations count only in pictures with the right number of objects.
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
