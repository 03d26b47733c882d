"""Key maps: the place of each of our tensors in another layout, used in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Place:
    """The place of one of our tensors in another layout.

    name: of the tensor there.
    chunk, chunks: ours is this chunk of so many equal ones, along the first axis.
    as_convolution: there it is a 1x1 convolution (out, in, 1, 1), ours is a matrix (out, in).
    """

    name: str
    chunk: int = 0
    chunks: int = 1
    as_convolution: bool = False


Places = Mapping[str, Place]
"""Our names -> their places in the other layout, all of them different."""


def renamed(
    names: Iterable[str], modules: Mapping[str, str], leaves: Mapping[str, str]
) -> dict[str, str]:
    """Our names -> theirs, by the longest of our module paths that a name begins with.

    modules: our module paths -> theirs. leaves: the part of a name between such a path and
    "weight" or "bias" -> theirs; one that is not listed is the same in both.
    """
    found: dict[str, str] = {}
    for name in names:
        path = name
        while path not in modules:
            assert path, f"no module of the map holds {name}"
            path = path.rpartition(".")[0]
        leaf, _, kind = name.removeprefix(path).removeprefix(".").rpartition(".")
        steps = (modules[path], leaves.get(leaf, leaf), kind)
        found[name] = ".".join(step for step in steps if step)
    return found


def gather(places: Places, theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Another layout's tensors -> ours, as views; every name of ``places`` must be there."""
    found: dict[str, Tensor] = {}
    for name, place in places.items():
        tensor = theirs[place.name]
        if place.chunks > 1:
            rows = len(tensor) // place.chunks
            tensor = tensor.narrow(0, place.chunk * rows, rows)
        found[name] = tensor.flatten(1) if place.as_convolution else tensor
    return found


def scatter(places: Places, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors -> another layout's: the inverse of ``gather``."""
    chunks: dict[str, dict[int, Tensor]] = {}
    for name, place in places.items():
        tensor = ours[name][:, :, None, None] if place.as_convolution else ours[name]
        chunks.setdefault(place.name, {})[place.chunk] = tensor
    return {
        name: found[0] if len(found) == 1 else torch.cat([found[k] for k in sorted(found)])
        for name, found in chunks.items()
    }


def shapes_there(places: Places, shapes: Mapping[str, torch.Size]) -> dict[str, torch.Size]:
    """The shapes of another layout's tensors, from those of ours."""
    with torch.device("meta"):
        ours = {name: torch.empty(shape) for name, shape in shapes.items()}
    return {name: tensor.shape for name, tensor in scatter(places, ours).items()}
