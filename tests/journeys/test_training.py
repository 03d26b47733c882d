"""Training as a user does it: a run, a stop, a resume; and the law that a break changes nothing."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from runs import BATCH, KINDS, autoencoder_run, diffusion_run, run_of

import calotype
from calotype.autoencoder import VQAutoencoder, autoencoder_of
from calotype.checkpoints import load_autoencoder, load_text, save_component
from calotype.checkpoints.safetensors_mapped import read_safetensors
from calotype.data import FolderData
from calotype.diffusion import normal
from calotype.errors import UserError
from calotype.presets import autoencoder_config
from calotype.settings import read_settings, validated
from calotype.training import TrainSettings, fit, train
from calotype.training.resume import settings_in
from calotype.training.run import make_task
from calotype.training.state import checkpoints


@pytest.fixture(params=KINDS)
def run(request, folder: Path, autoencoder: Path, tmp_path: Path):
    """(name, samples) -> settings of a run of any task."""

    def settings(name: str, samples: int) -> TrainSettings:
        return run_of(request.param, folder, tmp_path / name, samples, autoencoder)

    return settings


def state_of(out: Path) -> dict[str, torch.Tensor]:
    return read_safetensors(checkpoints(out)[-1])


def test_two_steps_and_two_more_are_four(run):
    """The law of resumption: weights, optimiser, averages and journal, bit for bit."""
    unbroken, broken = run("unbroken", 4 * BATCH), run("broken", 4 * BATCH)
    list(train(unbroken))
    steps = iter(train(broken, should_stop=lambda: True))
    assert next(steps).samples == BATCH
    list(steps)
    list(train(broken, resume=True, should_stop=lambda: True))
    assert checkpoints(broken.out)[-1].stem == f"{2 * BATCH:010d}"
    list(train(broken, resume=True))

    whole, parts = state_of(unbroken.out), state_of(broken.out)
    assert whole.keys() == parts.keys()
    assert any(key.startswith("optimizer:") for key in whole)
    for key, tensor in whole.items():
        assert torch.equal(tensor, parts[key]), key
    journals = [(settings.out / "journal.jsonl").read_bytes() for settings in (unbroken, broken)]
    assert journals[0] == journals[1]
    for path in sorted((unbroken.out / "model").rglob("*.safetensors")):
        other = broken.out / path.relative_to(unbroken.out)
        assert path.read_bytes() == other.read_bytes(), path


def test_lines_after_the_checkpoint_are_cut(run):
    """A crash leaves journal lines after the checkpoint; the resumed run writes them once."""
    settings = run("crashed", 4 * BATCH)
    list(train(settings))
    for checkpoint in checkpoints(settings.out)[1:]:
        checkpoint.unlink()
    with (settings.out / "journal.jsonl").open("a") as journal:
        journal.write('{"samples": 10')  # a line that the crash cut short
    list(train(settings, resume=True))
    lines = [json.loads(line) for line in (settings.out / "journal.jsonl").open()]
    assert [line["samples"] for line in lines] == [2, 4, 6, 8]


def test_a_run_leaves_what_a_person_looks_for(run):
    settings = run("plain", 2 * BATCH)
    progress = list(train(settings))
    assert [step.samples for step in progress] == [2, 4]
    assert progress[-1].saved == checkpoints(settings.out)[-1]
    assert {"loss", "gradient_norm"} <= progress[-1].metrics.keys()
    assert len(list((settings.out / "previews").glob("*.png"))) == 1
    assert (settings.out / "settings.json").exists()


def test_every_parameter_trains(run):
    """Without weight decay nothing stays where it was: no module is frozen by mistake."""
    settings = run("moved", 3 * BATCH)
    list(train(settings))
    first, last = checkpoints(settings.out)[0], checkpoints(settings.out)[-1]
    before, after = read_safetensors(first), read_safetensors(last)
    still = [
        key for key in before if key.startswith("weights:") and torch.equal(before[key], after[key])
    ]
    # A token that no caption used has no gradient; nor has the position of a caption's padding.
    tables = ("token_embedding", "position_embedding")
    assert [key for key in still if not any(table in key for table in tables)] == []


def test_every_parameter_is_averaged(run):
    """All that a gradient moves, and nothing else."""
    settings = run("averaged", 2 * BATCH)
    settings.out.mkdir()
    task = make_task(settings, lambda what, done, total: None)
    next(fit(task, settings))
    state = state_of(settings.out)
    averages = {key.removeprefix("ema:") for key in state if key.startswith("ema:")}
    trained = {name for name, weight in task.network.named_parameters() if weight.requires_grad}
    assert averages == trained
    for name in averages:
        # After one step the average is the weights to one part in a million of the step.
        torch.testing.assert_close(
            state[f"ema:{name}"], state[f"weights:{name}"], rtol=0, atol=1e-6
        )


def test_a_run_of_an_older_version_goes_on(folder: Path, tmp_path: Path):
    """Its settings.json had a table for each task, and the keys of scenes beside any folder's."""
    settings = autoencoder_run(folder, tmp_path / "run", BATCH)
    list(train(settings))
    path = settings.out / "settings.json"
    written = json.loads(path.read_text())
    own, data = written["task"], written["data"]
    scenes = {"count": 10_000, "objects": [1, 2], "seed": 1, "split": "train"}
    shades = {"object_weight": 4.0, "plain_captions": 0.0}
    del own["kind"], written["loop"]["accumulate"]
    data["source"] = data.pop("folder")
    data |= scenes | shades
    tables = {"task": "autoencoder", "autoencoder": own, "text": None, "diffusion": None}
    path.write_text(json.dumps({**written, "data": data, **tables}))
    assert settings_in(path) == settings
    *_, last = train(autoencoder_run(folder, settings.out, 2 * BATCH), resume=True)
    assert last.samples == 2 * BATCH


def test_a_folder_may_be_named_as_the_source(folder: Path, tmp_path: Path):
    """A recipe for scenes then takes photographs by one change."""
    recipe = Path(__file__).parents[2] / "recipes" / "tiny" / "kl.toml"
    data = read_settings(TrainSettings, recipe, ["data.source=photographs"]).data
    assert data == FolderData(folder=Path("photographs"), size=64, cache=data.cache)
    table = autoencoder_run(folder, tmp_path, 2).model_dump()
    table["data"] = {"source": "folder", "folder": "scenes", "size": 32}
    assert validated(TrainSettings, table).data == FolderData(folder=Path("scenes"), size=32)


def test_a_run_is_never_overwritten(run):
    settings = run("once", BATCH)
    list(train(settings))
    with pytest.raises(UserError, match="already holds a run; resume it"):
        list(train(settings))


def test_resuming_nothing_is_a_mistake(run):
    with pytest.raises(UserError, match="no checkpoint"):
        list(train(run("nothing", BATCH), resume=True))


def test_the_weights_of_pixels_fade(autoencoder: Path, tmp_path: Path):
    """Objects count more at the start of a diffusion run, and like the ground from the share on."""
    settings = validated(
        TrainSettings,
        {
            "task": "diffusion",
            "out": tmp_path,
            "data": {"count": 3, "size": 32, "object_weight": 5},
            "loop": {"samples": 100},
            "diffusion": {"preset": "tiny", "autoencoder": autoencoder, "weights_until": 0.5},
        },
    )
    task = make_task(settings, lambda what, done, total: None)
    most = {}
    for position in (0, 25, 49, 50, 99):
        weights = task.assemble([1], [0], torch.tensor([position])).weights
        assert weights is None or weights.min() == 1
        most[position] = 1.0 if weights is None else weights.max().item()
    assert most == pytest.approx({0: 5, 25: 3, 49: 1.08, 50: 1, 99: 1})


def test_edited_captions_do_not_change_the_words_of_a_run(
    folder: Path, autoencoder: Path, tmp_path: Path
):
    """The tokenizer is learned once: the trained embeddings belong to its numbers."""
    pictures = shutil.copytree(folder, tmp_path / "pictures")
    settings = diffusion_run(pictures, tmp_path / "run", 2 * BATCH, autoencoder)
    list(train(settings, should_stop=lambda: True))
    before = (settings.out / "tokenizer" / "vocab.json").read_bytes()
    for text in pictures.glob("*.txt"):
        text.write_text("zebras in zero gravity")
    list(train(settings, resume=True))
    assert (settings.out / "model" / "tokenizer" / "vocab.json").read_bytes() == before


def test_a_run_goes_on_from_a_trained_model(folder: Path, autoencoder: Path, tmp_path: Path):
    """It begins with that model's weights and words, and none of its own."""
    first = diffusion_run(folder, tmp_path / "first", 2 * BATCH, autoencoder)
    list(train(first))
    table = first.model_dump()
    table["task"]["start"] = first.out / "model"
    second = TrainSettings.model_validate(table | {"out": tmp_path / "second", "seed": 5})
    task = make_task(second, lambda what, done, total: None)
    after = {
        key.removeprefix("ema:"): tensor
        for key, tensor in state_of(first.out).items()
        if key.startswith("ema:")
    }
    before = task.network.state_dict()
    assert after
    assert all(torch.equal(before[key], tensor) for key, tensor in after.items())
    list(train(second))
    vocabularies = [
        (run.out / "model" / "tokenizer" / "vocab.json").read_bytes() for run in (first, second)
    ]
    assert vocabularies[0] == vocabularies[1]


def test_exported_latents_need_no_scale(folder: Path, autoencoder: Path, tmp_path: Path):
    """Over the pictures of the training every channel has mean 0 and deviation 1, unscaled."""
    exported = load_autoencoder(autoencoder)
    task = make_task(autoencoder_run(folder, tmp_path, BATCH), lambda what, done, total: None)
    pictures = task.assemble(range(6), [0] * 6, torch.arange(6)).pictures
    assert pictures is not None
    with torch.inference_mode():
        latents = exported.encode(pictures).mean.transpose(0, 1).flatten(1)
    # In float32, of latents whose mean was some hundred deviations at most.
    torch.testing.assert_close(latents.mean(1), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(latents.std(1), torch.ones(4), rtol=1e-4, atol=0)
    assert exported.config.scaling_factor == 1
    assert exported.config.shift_factor is None


@pytest.mark.parametrize("preset", ["tiny", "compression-vq"])
def test_a_decoder_alone_leaves_all_latents_as_they_are(
    preset: str, folder: Path, autoencoder: Path, tmp_path: Path
):
    """Bit for bit, with the codebook; the folder's config has the same values."""
    save_component(autoencoder_of(autoencoder_config(preset)), tmp_path / "vae")
    settings = run_of("decoder", folder, tmp_path / "run", 3 * BATCH, tmp_path / "vae")
    list(train(settings))
    before, after = load_autoencoder(tmp_path / "vae"), load_autoencoder(settings.out / "model")
    pictures = normal([1, 2], 0, "pictures", (3, 32, 32))
    with torch.inference_mode():
        old, new = before.encode(pictures), after.encode(pictures)
        assert torch.equal(old.mean, new.mean)
        assert torch.equal(old.logvar, new.logvar)
        assert not torch.equal(before.decode(old.mean), after.decode(new.mean))
    assert before.config == after.config
    if isinstance(before, VQAutoencoder):
        vectors = [each.state_dict()["quantize.embedding.weight"] for each in (before, after)]
        assert torch.equal(*vectors)
    kept = state_of(settings.out).keys()
    assert not any("encoder." in key and "decoder." not in key for key in kept)


@pytest.mark.parametrize("channels", [1, 2])
def test_pictures_of_other_channels(channels: int, tmp_path: Path):
    """Such as spectrograms of 16 bits: an autoencoder for them, and diffusion in its latents."""
    (tmp_path / "arrays").mkdir()
    for number in range(3):
        values = np.random.default_rng(number).integers(0, 2**16, (32, 32, channels), np.uint16)
        np.save(tmp_path / "arrays" / f"{number}.npy", values)
    first = run_of("autoencoder", tmp_path / "arrays", tmp_path / "first", 2 * BATCH, tmp_path)
    table = first.model_dump()
    table["data"]["channels"] = channels
    list(train(TrainSettings.model_validate(table)))
    second = diffusion_run(tmp_path / "arrays", tmp_path / "second", 2 * BATCH, first.out / "model")
    with pytest.raises(UserError, match=f"{channels} channels; data.channels = 3"):
        list(train(second))
    table = second.model_dump()
    table["data"]["channels"] = channels
    list(train(TrainSettings.model_validate(table)))
    assert calotype.load(second.out / "model").autoencoder.config.in_channels == channels


def test_another_number_of_pictures_on_resume_is_told_once(folder: Path, tmp_path: Path):
    pictures = tmp_path / "pictures"
    shutil.copytree(folder, pictures)
    count = len(list(pictures.glob("*.png")))
    notes: list[str] = []

    def train_to(samples: int) -> None:
        settings = autoencoder_run(pictures, tmp_path / "run", samples)
        list(train(settings, resume=samples > BATCH, note=notes.append))

    train_to(BATCH)
    train_to(2 * BATCH)
    assert not notes
    shutil.copy(next(pictures.glob("*.png")), pictures / "zebra.png")
    train_to(3 * BATCH)
    train_to(4 * BATCH)
    (note,) = notes
    assert f"knew {count} pictures, {count + 1} are there now" in note


def test_an_adversary_that_nobody_hears_changes_nothing(folder: Path, tmp_path: Path):
    """Also where gradients are clipped: each side by its own norm."""
    weights = []
    for weight in (0.0, 0.5):
        out = tmp_path / str(weight)
        table = run_of("adversarial", folder, out, 3 * BATCH, tmp_path).model_dump()
        table["task"] |= {"adversarial_weight": weight, "adversarial_start": 99}
        table["optimizer"]["clip"] = 1e-3
        last = list(train(TrainSettings.model_validate(table)))[-1]
        assert ("adversary_norm" in last.metrics) == bool(weight)
        weights.append(read_safetensors(checkpoints(out)[-1]))
    own = [key for key in weights[0] if key.startswith("weights:autoencoder.")]
    assert own
    assert all(torch.equal(*(each[key] for each in weights)) for key in own)


def test_neither_side_of_the_adversarial_loss_trains_the_other(folder: Path, tmp_path: Path):
    """The autoencoder's loss has no gradient for the discriminator, and vice versa."""
    table = run_of("adversarial", folder, tmp_path, 8, tmp_path).model_dump()

    def gradients(**starts: int) -> dict[str, torch.Tensor | None]:
        table["task"] |= {"discriminator_start": 99, "adversarial_start": 99, **starts}
        task = make_task(TrainSettings.model_validate(table), lambda what, done, total: None)
        batch = task.assemble([0, 1], [0, 0], torch.tensor([4, 5]))
        task.loss(batch).total.backward()
        return {name: parameter.grad for name, parameter in task.network.named_parameters()}

    plain = gradients()
    learning = gradients(discriminator_start=0)
    both = gradients(discriminator_start=0, adversarial_start=0)
    ours = [name for name in plain if name.startswith("autoencoder.")]
    theirs = [name for name in plain if name.startswith("discriminator.")]
    assert all(plain[name] is None for name in theirs)
    assert all(torch.equal(learning[name], plain[name]) for name in ours)
    assert all(torch.equal(both[name], learning[name]) for name in theirs)
    assert not all(torch.equal(both[name], plain[name]) for name in ours)


def test_words_first_then_pictures(autoencoder: Path, folder: Path, tmp_path: Path):
    """A text encoder trained by itself stays as it is under a UNet, to the bit, also resumed.

    With zero terminal SNR the model's folder says so, and that walks begin at the last timestep.
    """
    words = run_of("text", folder, tmp_path / "words", 2 * BATCH, autoencoder)
    list(train(words))
    table = diffusion_run(folder, tmp_path / "run", 2 * BATCH, autoencoder).model_dump()
    table["task"] |= {
        "text": words.out / "model",
        "text_rate": 0,
        "zero_terminal_snr": True,
    }
    settings = TrainSettings.model_validate(table)
    list(train(settings, should_stop=lambda: True))
    assert not any("conditioner" in key for key in state_of(settings.out))
    kept = (words.out / "model").rename(tmp_path / "gone on")
    list(train(settings, resume=True))
    kept.rename(words.out / "model")
    model = settings.out / "model"
    for part in ("text_encoder/model.safetensors", "tokenizer/vocab.json"):
        assert (model / part).read_bytes() == (words.out / "model" / part).read_bytes()
    scheduler = calotype.load(model).scheduler
    assert scheduler.rescale_betas_zero_snr
    assert scheduler.timestep_spacing == "trailing"
    unbroken = settings.model_copy(update={"out": tmp_path / "unbroken"})
    list(train(unbroken))
    whole, parts = state_of(unbroken.out), state_of(settings.out)
    assert all(torch.equal(tensor, parts[key]) for key, tensor in whole.items())


def test_a_text_encoder_goes_on_from_another(folder: Path, autoencoder: Path, tmp_path: Path):
    """With its words, whatever the captions."""
    first = run_of("text", folder, tmp_path / "first", BATCH, autoencoder)
    list(train(first))
    table = first.model_dump() | {"out": tmp_path / "second"}
    table["task"] |= {"start": first.out / "model", "vocabulary": 515}
    task = make_task(TrainSettings.model_validate(table), lambda what, done, total: None)
    before = task.network.state_dict()
    trained = load_text(first.out / "model").state_dict()
    assert all(torch.equal(before[f"text.{name}"], tensor) for name, tensor in trained.items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": "nowhere"}, "not a folder or file here"),
        ({"text": "scenes"}, "diffusion.text: a token is 192 wide, but the UNet reads"),
    ],
)
def test_words_that_do_not_fit(folder, autoencoder, tmp_path, changes, message):
    table = diffusion_run(folder, tmp_path / "run", BATCH, autoencoder).model_dump()
    table["task"] |= changes
    with pytest.raises(UserError, match=message):
        list(train(TrainSettings.model_validate(table)))
    assert not (tmp_path / "run").exists()


def test_words_are_learned_from_records(folder, autoencoder, tmp_path):
    """A folder of pictures has no targets for supervision; with zero SNR, epsilon is undefined."""
    table = run_of("text", folder, tmp_path / "run", BATCH, autoencoder).model_dump()
    table["data"] = {"source": "folder", "folder": folder}
    with pytest.raises(UserError, match="task text needs"):
        list(train(TrainSettings.model_validate(table)))
    table = diffusion_run(folder, tmp_path / "run", BATCH, autoencoder).model_dump()
    table["task"] |= {"zero_terminal_snr": True, "prediction": "epsilon"}
    with pytest.raises(ValidationError, match="at noise alone it predicts nothing"):
        TrainSettings.model_validate(table)
