"""Which arithmetic the networks of a run compute in."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["auto", "fp32", "bf16"]


def computes_in_bf16(precision: Precision, device: torch.device) -> bool:
    """Whether autocast to bf16 is on: where it is asked for, or, for "auto", where it is fast.

    A CPU without bf16 instructions emulates them, some twenty times slower than its fp32.
    """
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and (
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )
