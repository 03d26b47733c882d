"""Damaged files by the thousand: each is opened, or refused in one short line, and nothing else.

    python studies/fuzz.py --count 20000

Takes the files of a tiny model - folder, single file, pickle - and damages one of them: bytes
changed, cut out, doubled or cut off at random; in JSON also whole values. The table says how many
inputs were tried of each kind and what became of them; a traceback, a message of several lines, a
process that runs anything ends the study with status 1.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from calotype.autoencoder import Autoencoder
from calotype.checkpoints import load, save
from calotype.checkpoints.load import read_parts
from calotype.checkpoints.single_file import write_single
from calotype.conditioning import CLIPTextEncoder, Conditioner, TextEmbedder, Tokenizer
from calotype.diffusion import SchedulerConfig
from calotype.errors import MAX_MESSAGE_LENGTH, UserError
from calotype.model import LatentDiffusion
from calotype.presets import autoencoder_config, text_config, unet_config
from calotype.unet import UNet

VALUES = (None, True, -1, 0, 2**63, 1e308, float("nan"), "", "x" * 99, [], {}, [[]], {"": None})


def tiny_model() -> LatentDiffusion:
    text = text_config("tiny")
    tokenizer = Tokenizer.train(["a red cube on wood"], 514, text.max_position_embeddings)
    encoder = CLIPTextEncoder(text.for_vocabulary(tokenizer))
    return LatentDiffusion(
        unet=UNet(unet_config("tiny")),
        autoencoder=Autoencoder(autoencoder_config("tiny")),
        conditioner=Conditioner([TextEmbedder(tokenizer, encoder)]),
        scheduler=SchedulerConfig(),
    )


def files_of(folder: Path) -> dict[str, tuple[Path, Path]]:
    """By name: a file to damage, and what is opened then."""
    model = folder / "model"
    save(tiny_model(), model)
    single = folder / "single.safetensors"
    write_single(read_parts(model), single)
    pickled = folder / "pickled"
    shutil.copytree(model, pickled)
    weights = pickled / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(read_parts(model).unet.tensors, weights.with_suffix(".bin"))
    weights.unlink()
    found = {
        "safetensors": (model / "vae" / "diffusion_pytorch_model.safetensors", model),
        "single file": (single, single),
        "pickle": (weights.with_suffix(".bin"), pickled),
    }
    for path in sorted(model.rglob("*.json")):
        found[str(path.relative_to(model))] = (path, model)
    return found


def damaged(raw: bytes, draws: random.Random) -> bytes:
    """Bytes with one to eight changes, most of them where headers are."""
    found = bytearray(raw)
    for _ in range(draws.randint(1, 8)):
        reach = len(found) if draws.random() < 0.3 else min(len(found), 4096)
        at = draws.randrange(reach) if reach else 0
        length = draws.choice((1, 1, 2, 8, 64))
        match draws.randrange(5):
            case 0:
                found[at : at + length] = draws.randbytes(length)
            case 1:
                del found[at : at + length]
            case 2:
                found[at:at] = found[at : at + length]
            case 3 if draws.random() < 0.2:
                del found[at:]
            case _:
                found[at : at + 1] = draws.choice((b"\x00", b"\xff", b"9", b'"', b"}", b"-"))
    return bytes(found)


def rewritten(raw: bytes, draws: random.Random) -> bytes:
    """JSON with one value exchanged for another, or left out."""
    values: Any = json.loads(raw)
    inner = values
    while True:
        keys = [*inner] if isinstance(inner, dict) else [*range(len(inner))]
        key = draws.choice(keys)
        deeper = inner[key]
        if not (isinstance(deeper, dict | list) and deeper and draws.random() < 0.6):
            break
        inner = deeper
    if draws.random() < 0.2:
        del inner[key]
    else:
        inner[key] = draws.choice(VALUES)
    return json.dumps(values).encode()


def outcome(opened: Path) -> str:
    """What becomes of a file: "opened", or "refused" in one short line; anything else raises."""
    try:
        load(opened)
    except UserError as error:
        message = str(error)
        if "\n" in message or len(message) > MAX_MESSAGE_LENGTH:
            raise AssertionError(f"not one short line: {message}") from error
        return "refused"
    return "opened"


def tried(name: str, path: Path, opened: Path, count: int) -> Counter[str]:
    """How often each thing became of a file that was damaged this many times."""
    raw, found = path.read_bytes(), Counter[str]()
    ways: list[Callable[[bytes, random.Random], bytes]] = [damaged]
    if path.suffix == ".json":
        ways.append(rewritten)
    for number in range(count):
        draws = random.Random(f"{name} {number}")
        spoiled = draws.choice(ways)(raw, draws)
        path.write_bytes(spoiled)
        try:
            found[outcome(opened)] += 1
        except Exception:
            kept = Path(tempfile.gettempdir()) / f"fuzz-{number}{path.suffix}"
            kept.write_bytes(spoiled)
            print(f"{name}, input {number}, kept as {kept}:", file=sys.stderr)
            raise
    path.write_bytes(raw)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000, help="inputs in all")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        files = files_of(Path(folder))
        each = -(-arguments.count // len(files))
        total = Counter[str]()
        print(f"{'':48}{'inputs':>8}{'refused':>9}{'opened':>8}")
        for name, (path, opened) in files.items():
            found = tried(name, path, opened, each)
            total += found
            print(f"{name:48}{each:8,}{found['refused']:9,}{found['opened']:8,}", flush=True)
        print(f"{'all':48}{total.total():8,}{total['refused']:9,}{total['opened']:8,}")


if __name__ == "__main__":
    main()
