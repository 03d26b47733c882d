"""What one prepared batch carries: masks, second walks, tiles, views, guidance of several terms.

The parts here are the smallest that show it; they are not those of the package.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import calotype
from calotype import Picture, Preview, Progress, Request, Sampling
from calotype.autoencoder import Autoencoder
from calotype.condition import Condition, Hint
from calotype.conditioning import (
    ClassEmbedder,
    CLIPTextEncoder,
    Conditioner,
    TextEmbedder,
    Tokenizer,
)
from calotype.diffusion import Noise, SchedulerConfig, normal
from calotype.errors import UserError
from calotype.generate.denoising import Denoising, StartPictures, each_term
from calotype.generate.parts import PARTS
from calotype.generate.resolve import resolve
from calotype.generate.run import prepared_batches, steps
from calotype.model import LatentDiffusion
from calotype.presets import autoencoder_config, text_config, unet_config
from calotype.sampling import At, Denoise, Guidance, Term
from calotype.unet import UNet

STEPS = 5
SAMPLERS = ["ddim", "euler_ancestral", "heun", "dpm++2m", "unipc", "dpm++sde"]
# Rows of a batch against the same rows alone: sums of float32 in another order, over five steps.
CLOSE = {"rtol": 1e-3, "atol": 1e-3}


def make_model(in_channels: int = 4) -> LatentDiffusion:
    """A tiny untrained model for pictures of 32 x 32 that knows "a red cube on wood"."""
    text = text_config("tiny")
    tokenizer = Tokenizer.train(["a red cube on wood"], 514, text.max_position_embeddings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LatentDiffusion(
            unet=UNet(replace(unet_config("tiny"), in_channels=in_channels)).eval(),
            autoencoder=Autoencoder(autoencoder_config("tiny")).eval(),
            conditioner=Conditioner(
                [TextEmbedder(tokenizer, CLIPTextEncoder(text.for_vocabulary(tokenizer)))]
            ).eval(),
            scheduler=SchedulerConfig(prediction_type="v_prediction"),
            name="tiny",
        )
        # A training starts with a last layer of zeros, through which no word reaches the picture.
        for weight in (weight for weight in model.unet.parameters() if weight.ndim > 1):
            torch.nn.init.xavier_normal_(weight)
    return model


MODEL = make_model()
LATENTS = normal([7, 8, 9], 0, "source", (4, 8, 8))


def prepared(sampler: str = "ddim", rows: int = 2, side: int = 32, **sampling) -> Denoising:
    request = Request(
        prompt=("a red cube", "wood", "a cube")[:rows],
        width=side,
        height=side,
        sampling=Sampling(sampler=sampler, steps=STEPS, seed=3, **sampling),
    )
    singles = [resolve(MODEL, request.single(k)) for k in range(rows)]
    with torch.inference_mode():
        ((_, found),) = prepared_batches(MODEL, singles, {}, rows)
    return found


@torch.inference_mode()
def latents_of(denoising: Denoising) -> Tensor:
    """The latents that the last of a chain of walks comes to."""
    latents, walk = None, denoising
    while walk:
        x = walk.begin(latents)
        for step in steps(walk, x):
            x = step.x
        latents, walk = x * walk.path.final_alpha, walk.then
    assert latents is not None
    return latents


def row_of(denoising: Denoising, row: int) -> Denoising:
    """The batch of one of its rows, drawn anew."""
    with torch.inference_mode():
        ((_, found),) = prepared_batches(MODEL, [denoising.requests[row]], {}, None)
    return found


# --- masks ----------------------------------------------------------------------------------------


def masked(denoising: Denoising, z: Tensor, mask: Tensor) -> Denoising:
    """New where ``mask`` (B, 1, h, w) is 1; elsewhere z, with the start noise of each level."""

    def keep(denoise: Denoise) -> Denoise:
        def inside(x: Tensor, at: At) -> Tensor:
            x = mask * x + (1 - mask) * (z + at.sigma * denoising.start)
            return mask * denoise(x, at) + (1 - mask) * z

        return inside

    inner = denoising.wrap
    return replace(
        denoising,
        wrap=lambda denoise: keep(inner(denoise) if inner else denoise),
        source=StartPictures(torch.zeros(len(z), 3, 32, 32), z),
    )


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_masks_that_differ_by_row(sampler: str) -> None:
    """A full one is text-to-image, an empty one is the source, a half one is both, in one batch."""
    mask = torch.zeros(3, 1, 8, 8)
    mask[0], mask[2, ..., :4] = 1, 1
    plain = prepared(sampler, rows=3)
    found = latents_of(masked(plain, LATENTS, mask))
    torch.testing.assert_close(found[:1], latents_of(row_of(plain, 0)), **CLOSE)
    # The end of a path may lie above 0, where the source has noise of that level left.
    end = float(plain.path.sigmas[-1])
    for row, where in ((1, slice(0, 8)), (2, slice(4, 8))):
        rest = found[row, ..., where] / plain.path.final_alpha - LATENTS[row, ..., where]
        assert float(rest.abs().max()) <= 5 * end + 1e-4
    alone = masked(row_of(plain, 2), LATENTS[2:], mask[2:])
    torch.testing.assert_close(found[2:], latents_of(alone), **CLOSE)


# --- a walk after the walk ------------------------------------------------------------------------


def second_pass(first: Denoising, second: Denoising, skip: int) -> Denoising:
    """``second`` begins, its first steps left out, from what the first came to, made larger."""

    def begin(latents: Tensor | None) -> Tensor:
        assert latents is not None
        larger = F.interpolate(latents, second.start.shape[-2:], mode="nearest")
        return larger + second.start * float(second.path.sigmas[skip])

    return replace(first, then=replace(second, first=skip, begin=begin))


@pytest.mark.parametrize("sampler", ["euler", "euler_ancestral", "dpm++2m"])
def test_two_walks_of_different_size_with_a_mask(sampler: str) -> None:
    """The second counts the steps of its whole path, draws its own noise and heeds its mask."""
    small, large = prepared(sampler), prepared(sampler, side=64)
    seeds = [request.sampling.seed for request in large.requests]
    noise = Noise(seeds, (4, 16, 16), walk=1)
    large = replace(large, noise=noise, start=noise.start())
    mask = torch.zeros(2, 1, 16, 16)
    mask[0, ..., :8], mask[1, ..., 4:, :] = 1, 1
    z = normal([1, 2], 0, "larger", (4, 16, 16))
    heard: list[int] = []

    def hearing(denoise: Denoise) -> Denoise:
        def asked(x: Tensor, at: At) -> Tensor:
            heard.append(at.step)
            return denoise(x, at)

        return asked

    watched = masked(replace(large, wrap=hearing), z, mask)
    found = latents_of(second_pass(small, watched, skip=2))
    assert found.shape == (2, 4, 16, 16)
    assert heard == [2, 3, 4], "the steps of the whole path, not of its rest"
    assert float(((1 - mask) * (found - z)).abs().max()) <= 1e-4
    assert not torch.equal(noise.start(), Noise(seeds, (4, 16, 16)).start())
    assert not torch.equal(noise(0), Noise(seeds, (4, 16, 16))(0))


# --- tiles ----------------------------------------------------------------------------------------


def local(x: Tensor, t: Tensor, condition: Condition) -> Tensor:
    """A network that sees no further than one place: of it, tiles are the whole, bit for bit."""
    assert condition.concat is not None
    assert condition.residuals is not None
    return torch.tanh(x + condition.concat) + condition.residuals[0]


def controlled(network: Callable) -> Callable:
    """The hint's brightness at a place, by its weight, is what is added there."""

    def called(x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        assert condition.hints
        (hint,) = condition.hints
        added = (
            F.avg_pool2d(hint.picture, 4).mean(1, keepdim=True) * hint.weight[:, None, None, None]
        )
        return network(x, t, replace(condition, residuals=(added,)))

    return called


def tiled(network: Callable, size: int) -> Callable:
    """The network on tiles side by side; outside of control, inside of guidance."""

    def called(x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        height, width = x.shape[-2:]
        rows = []
        for top in range(0, height, size):
            boxes = [(left, top, left + size, top + size) for left in range(0, width, size)]
            rows.append(
                torch.cat(
                    [
                        network(x[..., t0:t1, l0:l1], t, condition.crop((l0, t0, l1, t1), width))
                        for l0, t0, l1, t1 in boxes
                    ],
                    dim=-1,
                )
            )
        return torch.cat(rows, dim=-2)

    return called


def with_concat_and_hint(denoising: Denoising) -> Denoising:
    concat = normal([4, 5], 0, "concat", (1, 8, 8))
    hint = Hint(normal([4, 5], 0, "hint", (3, 32, 32)), torch.tensor([1.0, 0.0]))
    return each_term(denoising, lambda given: replace(given, concat=concat, hints=(hint,)))


@pytest.mark.parametrize("size", [2, 4, 8])
def test_tiles_with_a_concat_channel_and_a_hint(size: int) -> None:
    """Each is cropped by its own factor; a row that control leaves alone gets nothing of it."""
    given = with_concat_and_hint(prepared())
    whole = replace(given, network=lambda step: controlled(local))
    tiles = replace(given, network=lambda step: tiled(controlled(local), size))
    assert torch.equal(latents_of(tiles), latents_of(whole))
    unheard = each_term(whole, lambda c: replace(c, hints=(zeroed(c),)))
    rows = torch.equal(latents_of(whole)[0], latents_of(unheard)[0])
    assert not rows
    assert torch.equal(latents_of(whole)[1], latents_of(unheard)[1])


def zeroed(condition: Condition) -> Hint:
    assert condition.hints
    return replace(condition.hints[0], weight=torch.zeros(len(condition.hints[0].weight)))


def test_every_condition_is_changed_once() -> None:
    """Steps share records; what was shared still is."""
    denoising = prepared(guidance_start=0.3)
    seen: list[Condition] = []

    def change(condition: Condition) -> Condition:
        seen.append(condition)
        return replace(condition)

    changed = each_term(denoising, change)
    conditions = [
        each
        for guidance in denoising.guidance
        for each in (guidance.base, *(term.condition for term in guidance.terms))
    ]
    assert len(seen) == len({id(condition) for condition in conditions}) == 2
    for (a, b), (c, d) in zip(pairs(denoising), pairs(changed), strict=True):
        assert (a is b) == (c is d)


def pairs(denoising: Denoising) -> Iterator[tuple[Guidance, Guidance]]:
    return zip(denoising.guidance, denoising.guidance[1:], strict=False)


# --- guidance -------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 9), min_size=4, max_size=4), st.floats(0, 1))
def test_three_terms_with_scales_by_row(numbers: list[float], weight: float) -> None:
    """InstructPix2Pix, u + s_I (i - u) + s_T (c - i), with another s_T and s_I in each row."""
    text, image = (torch.tensor(pair).reshape(2, 1, 1, 1) for pair in (numbers[:2], numbers[2:]))
    denoising = prepared()
    contexts = [normal([6, 7], k, "context", (5, 32)) for k in range(4)]
    u, i, c, other = (Condition(context=context) for context in contexts)
    words = ((c, weight), (other, 1 - weight))
    guidance = Guidance(
        u,
        (
            *(Term(condition, text * w, w) for condition, w in words),
            Term(i, image - text, 0.0),
        ),
    )
    guided = replace(denoising, guidance=[guidance] * STEPS)
    network = denoising.denoiser

    def expected(x: Tensor, sigma: float) -> Tensor:
        found = [network(x, sigma, condition) for condition in (u, i, c, other)]
        d_u, d_i, d_c, d_other = found
        d_words = weight * d_c + (1 - weight) * d_other
        return d_u + image * (d_i - d_u) + text * (d_words - d_i)

    with torch.inference_mode():
        x = guided.begin(None)
        step = next(iter(steps(guided, x)))
        # Terms of up to 9 times a difference, and sums of float32 in another order.
        torch.testing.assert_close(
            step.x0, expected(x, float(guided.path.sigmas[0])), rtol=1e-3, atol=2e-2
        )


def test_rows_with_guidance_scales_of_their_own() -> None:
    """Scales are free in a batch: each row is what it is alone."""
    requests = [
        Request(prompt="a red cube", sampling=Sampling(steps=STEPS, seed=3, guidance_scale=scale))
        for scale in (1.0, 4.0, 9.0)
    ]
    singles = [resolve(MODEL, request) for request in requests]
    with torch.inference_mode():
        ((numbers, together),) = prepared_batches(MODEL, singles, {}, 3)
    assert numbers == [0, 1, 2]
    found = latents_of(together)
    for row in range(3):
        torch.testing.assert_close(found[row : row + 1], latents_of(row_of(together, row)), **CLOSE)


def test_prompts_of_unequal_length() -> None:
    """Three and five chunks are two calls, not fifteen; no picture depends on the others."""
    words = [" BREAK ".join(["a red cube"] * count) for count in (3, 5)]
    calls: list[tuple[int, int]] = []

    def count(module: object, given: tuple, output: Tensor) -> None:
        calls.append((len(given[0]), given[2].context.shape[1] // 32))

    hook = MODEL.unet.register_forward_hook(count)
    try:
        request = Request(prompt=words[1], negative_prompt=words[0], sampling=Sampling(steps=1))
        calotype.run(MODEL, request)
        assert sorted(calls) == [(1, 3), (1, 5)]
        calls.clear()
        calotype.run(MODEL, Request(prompt=tuple(words), sampling=Sampling(steps=1)))
        assert sorted(calls) == [(2, 3), (2, 5)], "two batches, each with its empty negative prompt"
    finally:
        hook.remove()


# --- views, and the loop --------------------------------------------------------------------------


def test_a_network_that_changes_by_step() -> None:
    """As an adapter with a start and an end: the view of a step is called in that step alone."""
    denoising = prepared("heun")
    called: list[int] = []

    def view(step: int) -> Callable:
        def network(x: Tensor, t: Tensor, condition: Condition) -> Tensor:
            called.append(step)
            return denoising.network(step)(x, t, condition) * (2 if step >= 2 else 1)

        return network

    changed = replace(denoising, network=view)
    with torch.inference_mode():
        plain = [step.x for step in steps(denoising, denoising.begin(None))]
        found = [step.x for step in steps(changed, changed.begin(None))]
    assert called == [0, 0, 1, 1, 2, 2, 3, 3, 4], "Heun's method calls twice, but at the end"
    assert [torch.equal(a, b) for a, b in zip(plain, found, strict=True)] == [True, True] + [
        False
    ] * 3


def test_two_interleaved_generators_on_one_model() -> None:
    requests = [
        Request(prompt=prompt, sampling=Sampling(sampler=sampler, steps=STEPS, seed=seed))
        for prompt, sampler, seed in (("a red cube", "unipc", 1), ("wood", "dpm++2m_sde", 2))
    ]
    alone = [calotype.run(MODEL, request)[0] for request in requests]
    running = [calotype.events(MODEL, request) for request in requests]
    abandoned = calotype.events(MODEL, requests[0])
    next(abandoned)
    found: list[list[Picture]] = [[], []]
    for both in zip(*running, strict=True):
        for kept, event in zip(found, both, strict=True):
            kept += [event] if isinstance(event, Picture) else []
    abandoned.close()
    for (picture,), expected in zip(found, alone, strict=True):
        assert picture.image.tobytes() == expected.image.tobytes()


class StartFrom(Request):
    """A request with a field that a part of this test reads: how many steps are left out."""

    leave_out: int | None = None

    @property
    def total_steps(self) -> int:
        return self.sampling.steps - (self.leave_out or 0)


def start_from(denoising: Denoising, inputs: dict) -> Denoising:
    """Image-to-image in three lines: the last steps of the whole path, from z and noise."""
    first = denoising.requests[0].leave_out
    x = LATENTS[: len(denoising.requests)] + denoising.start * float(denoising.path.sigmas[first])
    return replace(denoising, first=first, begin=lambda latents: x)


@pytest.mark.parametrize("leave_out", [0, 2, 5])
def test_a_part_that_leaves_steps_out(monkeypatch: pytest.MonkeyPatch, leave_out: int) -> None:
    """Progress counts what is done; guidance is that of the steps of the whole path."""
    monkeypatch.setitem(PARTS, "leave_out", start_from)
    heard: list[float] = []
    hook = MODEL.unet.register_forward_hook(lambda m, given, out: heard.append(len(given[0])))
    sampling = Sampling(sampler="euler", steps=STEPS, guidance_start=0.5)
    request = StartFrom(prompt="a red cube", leave_out=leave_out, sampling=sampling)
    try:
        found = list(calotype.events(MODEL, request))
    finally:
        hook.remove()
    done = [(event.done, event.total) for event in found if isinstance(event, Progress)]
    assert done == [(k + 1, STEPS - leave_out) for k in range(STEPS - leave_out)]
    assert heard == [1, 1, 2, 2, 2][leave_out:], "guidance begins in the middle of the whole path"
    assert sum(isinstance(event, Preview) for event in found) == STEPS - leave_out
    assert isinstance(found[-1], Picture)
    if leave_out == STEPS:
        with torch.inference_mode():
            expected = MODEL.decode(LATENTS[:1])
        pixels = torch.tensor(list(found[-1].image.tobytes())).reshape(32, 32, 3).permute(2, 0, 1)
        assert float((pixels / 127.5 - 1 - expected[0]).abs().max()) <= 1 / 127


# --- what a model needs ---------------------------------------------------------------------------


def test_a_model_without_words() -> None:
    """It makes pictures of the empty prompt, without guidance; a prompt is refused by name."""
    wordless = replace(MODEL, conditioner=Conditioner([]))
    wordless.unet = UNet(replace(unet_config("tiny"), **WITHOUT_CONTEXT)).eval()
    (picture,) = calotype.run(wordless, Request(prompt="", sampling=Sampling(steps=2)))
    assert picture.image.size == (32, 32)
    with pytest.raises(UserError, match="has no text encoder; leave the prompt empty"):
        calotype.run(wordless, Request(prompt="a cube"))
    with pytest.raises(UserError, match="has no text encoder"):
        _ = wordless.text
    with pytest.raises(UserError, match="its UNet reads a context"):
        calotype.run(replace(MODEL, conditioner=Conditioner([])), Request(prompt=""))


WITHOUT_CONTEXT = {
    "mid_block_type": "UNetMidBlock2D",
    "down_block_types": ("AttnDownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "AttnUpBlock2D"),
    "attention_head_dim": 16,
}


def test_what_is_not_given_is_null() -> None:
    """A model of words and classes makes pictures from words: its class is the null one."""
    unet = UNet(replace(unet_config("tiny"), num_class_embeds=4)).eval()
    seen: list[Tensor] = []
    unet.register_forward_hook(lambda module, given, output: seen.append(given[2].vector))
    both = Conditioner([*MODEL.conditioner.embedders, ClassEmbedder(3)])
    model = replace(MODEL, unet=unet, conditioner=both)
    calotype.run(model, Request(prompt="a red cube", sampling=Sampling(steps=1)))
    assert [vector.tolist() for vector in seen] == [[3, 3]], "prompt and negative prompt"
    with pytest.raises(UserError, match="wants classes beside the words"):
        calotype.run(replace(MODEL, unet=unet), Request(prompt="a red cube"))


def test_a_prompt_that_is_too_long_is_found_before_the_first_picture() -> None:
    """Also the last of many, and one by one."""
    prompts = ("a red cube", "wood", " BREAK ".join(["a"] * 70))
    with pytest.raises(UserError, match="a prompt of 70 chunks"):
        next(calotype.events(MODEL, Request(prompt=prompts), deterministic=True))


def test_a_model_that_needs_more_than_words() -> None:
    with pytest.raises(UserError, match="takes 9 channels, 5 of them for a picture"):
        calotype.run(make_model(9), Request(prompt="a cube"))


@given(
    st.integers(0, 6), st.integers(0, 6), st.integers(1, 8), st.integers(1, 8), st.integers(1, 3)
)
def test_a_region_is_cropped_at_every_resolution(
    left: int, top: int, width: int, height: int, factor: int
) -> None:
    """A place of the latent and the pixels under it stay together."""
    places = torch.arange(64.0).reshape(1, 1, 8, 8)
    pixels = places.repeat_interleave(factor, -1).repeat_interleave(factor, -2)
    condition = Condition(
        context=torch.zeros(1, 2, 3),
        concat=places,
        hints=(Hint(pixels.expand(-1, 3, -1, -1), torch.ones(1)),),
    )
    box = (left, top, min(8, left + width), min(8, top + height))
    found = condition.crop(box, 8)
    assert torch.equal(found.concat, places[..., box[1] : box[3], box[0] : box[2]])
    assert torch.equal(found.context, condition.context)
    (hint,) = found.hints
    again = F.avg_pool2d(hint.picture, factor)[:, :1] if math.prod(hint.picture.shape) else None
    assert again is None or torch.equal(again, found.concat)
