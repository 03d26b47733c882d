"""Parts: what can be given beside the words, one file each."""

from collections.abc import Callable

from calotype.generate.denoising import Denoising, Inputs

Part = Callable[[Denoising, Inputs], Denoising]
"""What one given thing changes of a prepared batch."""

PARTS: dict[str, Part] = {}
"""By the field of the request that gives it, in the order in which they are applied.

What is wrapped first is innermost: image, mask, concat, instruction, adapter, control, tiles.
"""
