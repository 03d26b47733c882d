"""Key maps: where another layout keeps each of our tensors, read both ways from one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Place:
    """Where a layout keeps one of our tensors.

    part, parts: which of so many equal parts, along the first axis, of the tensor of that name.
    as_convolution: kept as a 1x1 convolution (out, in, 1, 1), where ours is a matrix (out, in).
    """

    name: str
    part: int = 0
    parts: int = 1
    as_convolution: bool = False


Places = Mapping[str, Place]
"""Our names -> where the other layout keeps them; no two in the same place."""


def renamed(
    names: Iterable[str], modules: Mapping[str, str], leaves: Mapping[str, str]
) -> dict[str, str]:
    """Our names -> theirs, by the longest of our module paths that a name begins with.

    modules: our module paths -> theirs; an empty path stands for all others. leaves: what follows
    the path, up to weight or bias -> theirs; what is not there has the same name.
    """
    found: dict[str, str] = {}
    for name in names:
        path = name
        while path not in modules:
            assert path, f"no module of the map holds {name}"
            path = path.rpartition(".")[0]
        rest = name.removeprefix(path).removeprefix(".")
        leaf, _, kind = rest.rpartition(".")
        parts = (modules[path], leaves.get(leaf, leaf), kind)
        found[name] = ".".join(part for part in parts if part)
    return found


def gather(places: Places, theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors out of another layout's, as views; every name of ``places`` must be there."""
    found: dict[str, Tensor] = {}
    for name, place in places.items():
        tensor = theirs[place.name]
        if place.parts > 1:
            rows = len(tensor) // place.parts
            tensor = tensor.narrow(0, place.part * rows, rows)
        found[name] = tensor.flatten(1) if place.as_convolution else tensor
    return found


def scatter(places: Places, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Another layout's tensors out of ours: the inverse of ``gather``."""
    parts: dict[str, dict[int, Tensor]] = {}
    for name, place in places.items():
        tensor = ours[name][:, :, None, None] if place.as_convolution else ours[name]
        parts.setdefault(place.name, {})[place.part] = tensor
    return {
        name: found[0] if len(found) == 1 else torch.cat([found[k] for k in sorted(found)])
        for name, found in parts.items()
    }


def shapes_there(places: Places, shapes: Mapping[str, torch.Size]) -> dict[str, torch.Size]:
    """The shapes of another layout's tensors, from those of ours."""
    with torch.device("meta"):
        ours = {name: torch.empty(shape) for name, shape in shapes.items()}
    return {name: tensor.shape for name, tensor in scatter(places, ours).items()}
