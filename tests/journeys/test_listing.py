"""The named configurations as a person meets them: the list, one of them, a wrong name."""

import json

from calotype.cli.app import main
from calotype.presets import PRESETS
from calotype.unet import UNetConfig


def test_the_list(capsys):
    assert main(["presets"]) == 0
    title, *rows = capsys.readouterr().out.splitlines()
    assert title.split() == ["name", "network", "parameters", "GFLOPs", "latent", "source"]
    assert [row.split()[0] for row in rows if not row.startswith(" ")] == [*PRESETS]
    networks = [
        part
        for preset in PRESETS.values()
        for part in (preset.autoencoder, preset.unet, preset.text)
    ]
    assert len(rows) == sum(part is not None for part in networks)
    (row,) = (row for row in rows if row.startswith("celeba256 "))
    assert row.split()[1:5] == ["UNet", "274,056,163", "202.4", "3x64x64"]
    assert row.rstrip().endswith("Rombach et al. 2022, Tab. 12")


def test_one_of_them(capsys):
    assert main(["presets", "cin256"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["first_stage"] == "vq-f8"
    assert shown["latent"] == [4, 32, 32]
    assert shown["scheduler"]["beta_start"] == 0.0015
    assert UNetConfig.from_json(shown["unet"]) == PRESETS["cin256"].unet
    assert "autoencoder" not in shown


def test_a_name_that_none_has(capsys):
    assert main(["presets", "celeba"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith('calotype: preset "celeba" is not one of scenes, tiny, small, ')
    assert err.endswith('did you mean "celeba256"?\n')
