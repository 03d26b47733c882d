"""SceneSource and the command: examples by number, files whole or not at all."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from calotype.cli.app import main
from calotype.scenes import SceneSource, describe, render

SOURCE = SceneSource(seed=9, count=40, size=32)


def test_examples_do_not_depend_on_the_batch():
    batch = SOURCE.examples([7, 3, 11])
    for example, index in zip(batch, (7, 3, 11), strict=True):
        (alone,) = SOURCE.examples([index])
        assert torch.equal(example.picture, alone.picture)
        assert torch.equal(example.weight, alone.weight)
        assert example.known == alone.known
    longer = replace(SOURCE, count=4000)
    assert torch.equal(longer.examples([7])[0].picture, batch[0].picture)


def test_weights_stand_out_on_objects_and_just_around_them():
    source = replace(SOURCE, size=64, object_weight=5.0)
    for index in range(4):
        weight = source.examples([index])[0].weight
        objects = render([source.scene(index)], 64).objects[0] > 0
        assert set(weight.unique().tolist()) == {1.0, 5.0}
        assert (weight[objects] == 5).all()
        assert objects.sum() < (weight == 5).sum() < 2 * objects.sum()


def test_captions_vary_and_the_first_is_the_examples():
    first, *others = SOURCE.captions([5] * 12, range(12))
    assert first == SOURCE.examples([5])[0].known["captions"]
    assert len({first, *others}) > 8


def test_keys_tell_collections_apart():
    changed = [
        SceneSource(seed=1, count=40, size=32),
        SceneSource(seed=9, count=3, size=32),
        SceneSource(seed=9, count=40, size=64),
        SceneSource(seed=9, count=40, size=32, objects=(2, 2)),
        SceneSource(seed=9, count=40, size=32, split="all"),
        SceneSource(seed=9, count=40, size=32, object_weight=2.0),
    ]
    keys = {source.key for source in (SOURCE, *changed)}
    assert len(keys) == 1 + len(changed)
    assert len(SOURCE) == 40
    with pytest.raises(IndexError):
        SOURCE.scene(40)


def test_command_writes_pictures_captions_and_a_sheet(tmp_path, capsys):
    folder, sheet = tmp_path / "a" / "scenes", tmp_path / "sheet.png"
    options = ["--count", "5", "--size", "24", "--seed", "9", "--objects", "1..3"]
    assert main(["scenes", *options, "--write", str(folder), "--grid", str(sheet)]) == 0
    assert capsys.readouterr().out.split() == [str(sheet), str(folder)]
    source = SceneSource(9, 5, size=24, objects=(1, 3))
    for index, example in enumerate(source.examples(range(5))):
        with Image.open(folder / f"{index:06d}.png") as image:
            pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 127.5 - 1
        assert (pixels - example.picture).abs().max() < 1.01 / 255  # rounded to eight bits
        assert (folder / f"{index:06d}.txt").read_text("utf-8").strip() == example.known["captions"]
    assert len(list(folder.iterdir())) == 10
    with Image.open(sheet) as image:
        assert image.size == (3 * 24, 2 * 24)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--count", "0", "--grid", "x.png"], "--count = 0: must be an integer of 1 or more"),
        (["--size", "4", "--grid", "x.png"], "--size = 4"),
        (["--objects", "1..4", "--grid", "x.png"], '--objects = "1..4"'),
        (["--objects", "3..1", "--grid", "x.png"], '--objects = "3..1"'),
        (["--grid", "x.gif"], "--grid = x.gif: must be a .png file"),
        (["--grid", "missing/x.png"], "missing/x.png: cannot be written"),
        (["--write", "full"], "--write = full: is not empty"),
        (["--write", "full/file"], "--write = full/file: is a file"),
        (["--write", "full/file/below"], "full/file/below: cannot be written"),
        ([], "--grid FILE.png or --write FOLDER"),
        (["--split", "trian", "--grid", "x.png"], 'did you mean "train"'),
    ],
)
def test_mistakes_end_in_one_line_and_leave_nothing(
    tmp_path, monkeypatch, capsys, options, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    assert main(["scenes", *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_the_share_of_plain_captions() -> None:
    """All, none, or as many as asked for; whichever it is, the pictures have the same key."""
    numbers = range(400)
    varied, plain, both = (SceneSource(seed=3, count=400, plain=share) for share in (0, 1, 0.7))
    wordings = {
        number: {describe(plain.scene(number), material) for material in (True, False)}
        for number in numbers
    }
    captions = {each: each.captions(numbers, [1] * 400) for each in (varied, plain, both)}
    assert all(text in wordings[k] for k, text in enumerate(captions[plain]))
    kept = [a == b for a, b in zip(captions[both], captions[varied], strict=True)]
    others = [k for k in numbers if not kept[k]]
    assert all(captions[both][k] in wordings[k] for k in others)
    # Five deviations of 400 draws; a varied caption may chance to be worded plainly.
    assert abs(len(others) / 400 - 0.7) < 0.12
    assert varied.key == plain.key == both.key
