"""A model's folder that contains code: none of it is run, wherever it is named."""

import json
import shutil
from pathlib import Path

import pytest

from calotype.checkpoints import load
from calotype.cli.app import main
from calotype.errors import UserError

EVIL = "from pathlib import Path\nPath(__file__).with_name('ran').touch()\nclass Evil: pass\n"
MODULES = ("pipeline.py", "unet/evil.py", "vae/evil.py", "text_encoder/modeling_evil.py")
# Each way in which files of models name code: the file, the entries, and whether it opens at all.
NAMED = {
    "a component's class": ("model_index.json", {"unet": ["evil", "Evil"]}, False),
    "a component's module": ("model_index.json", {"text_encoder": ["os", "system"]}, False),
    "a further component": ("model_index.json", {"evil": ["evil", "Evil"]}, False),
    "a scheduler's class": ("model_index.json", {"scheduler": ["evil", "Evil"]}, True),
    "the pipeline": ("model_index.json", {"_class_name": ["pipeline", "Evil"]}, True),
    "a config's auto_map": (
        "text_encoder/config.json",
        {"auto_map": {"AutoModel": "modeling_evil.Evil"}, "trust_remote_code": True},
        False,
    ),
    "a UNet's class": ("unet/config.json", {"_class_name": "evil.Evil"}, True),
    "a tokenizer's class": (
        "tokenizer/tokenizer_config.json",
        {"auto_map": {"AutoTokenizer": ["evil.Evil", None]}, "tokenizer_class": "Evil"},
        True,
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_no_code_runs(name: str, tiny: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    file, entries, opens = NAMED[name]
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    for module in MODULES:
        (folder / module).write_text(EVIL)
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))
    monkeypatch.syspath_prepend(str(folder))  # even where Python would find it
    if opens:
        load(folder)
        assert main(["inspect", str(folder)]) == 0
    else:
        with pytest.raises(UserError) as caught:
            load(folder)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not [*tmp_path.rglob("ran")]
