"""The numbers at full size: `calotype verify` on random models that the reference libraries wrote.

    make parity-full      # or: python studies/parity.py --families sd15 --keep FOLDER

Makes each family's model in diffusers with every parameter redrawn, writes its folder (some 4 GB),
converts that to a single file, has diffusers' own single-file loader read it back, and verifies
folder and file component by component. The tables are docs/parity.md.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import diffusers
import torch
from random_model import CHOSEN, write_reference

from calotype.checkpoints.detect_prediction import with_prediction_type
from calotype.checkpoints.load import read_parts
from calotype.checkpoints.single_file import write_single
from calotype.evaluation.verify import verify

HEAD = """\
# The numbers, side by side

What `calotype verify` finds on models of full size with random weights, every parameter redrawn:
the same tensors here and in diffusers and transformers. `make parity-full` makes this page; float64
on tiny models, networks within 1e-9, is part of `make test`."""
OUT = Path(__file__).parents[1] / "docs" / "parity.md"


def same_in_diffusers(single: Path, folder: Path) -> bool:
    """Whether diffusers' loader of single files finds the tensors of the folder in ours."""
    pipes = diffusers.StableDiffusionPipeline
    read = pipes.from_single_file(str(single), config=str(folder), local_files_only=True)
    found = {name: getattr(read, name).state_dict() for name in ("unet", "vae", "text_encoder")}
    parts = read_parts(folder)
    for component in parts.networks:
        theirs = found[component.kind.folder]
        bare = not any(name.startswith("text_model.") for name in theirs)
        for name, tensor in component.tensors.items():
            if not torch.equal(theirs[name.removeprefix("text_model.") if bare else name], tensor):
                return False
    return True


def table(model: Path) -> Iterator[str]:
    """The rows of one model's table."""
    yield "| | largest error | relative | bound | PSNR |"
    yield "|---|---|---|---|---|"
    for found in verify(with_prediction_type(read_parts(model))):
        errors = f"{found.absolute:.1e} | {found.relative:.1e} | {found.bound:.0e}"
        beyond = "" if found.within else ", BEYOND"
        yield f"| {found.part} | {errors} | {found.psnr:.1f} dB{beyond} |"


def report(name: str, folder: Path) -> Iterator[str]:
    """The part of the page about one family."""
    write_reference(name, folder)
    parts = read_parts(folder)
    count = sum(tensor.numel() for each in parts.networks for tensor in each.tensors.values())
    yield f"\n## {name}\n\n{parts.family}, {count:,} parameters; its folder, fp32:\n"
    yield from table(folder)
    single = folder.with_suffix(".safetensors")
    write_single(parts, single)
    yield "\nIts single file, fp32:\n"
    yield from table(single)
    if name != "sd15-inpainting":  # another pipeline would read that
        assert same_in_diffusers(single, folder)
        yield "\nThe single file read by diffusers' own loader: the same tensors, bit for bit."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="*", choices=CHOSEN, default=[*CHOSEN])
    parser.add_argument("--keep", type=Path, help="folder in which the models are left")
    arguments = parser.parse_args()
    lines = [HEAD]
    for name in arguments.families:
        place = arguments.keep or Path(tempfile.mkdtemp())
        try:
            for line in report(name, place / name):
                print(line, flush=True)
                lines.append(line)
        finally:
            if not arguments.keep:
                shutil.rmtree(place)
    if arguments.families == [*CHOSEN]:
        OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
