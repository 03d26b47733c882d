"""``calotype verify``."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict
from typing import Any, Literal

from calotype.cli.outputs import OutputFile
from calotype.cli.shared import ModelName

Short = Literal["fp64", "fp16", "bf16"]


def verify(
    model: ModelName = "scenes", /, *, dtype: Short | None = None, json: OutputFile | None = None
) -> int:
    """Compare the outputs with those of diffusers and transformers, for the same weights.

    Prints the largest errors of each component, in float32 and in a type of your choice. The exit
    status is 1 if an error is larger than rounding explains. Needs the reference libraries:
    pip install "calotype[dev]".

    Parameters
    ----------
    dtype: str
        A second type of the computation.
    json: Path
        Write the figures.
    """
    import torch

    from calotype.checkpoints.detect_prediction import with_prediction_type
    from calotype.checkpoints.files import write_json
    from calotype.checkpoints.load import read_parts
    from calotype.cli.device import TYPES
    from calotype.evaluation.verify import verify as deviations

    parts = with_prediction_type(read_parts(model))
    types = {**TYPES, "fp64": torch.float64}
    figures: dict[str, Any] = {}
    too_large: list[str] = []
    compared = {
        name: deviations(parts, types[name]) for name in ["fp32", *([dtype] if dtype else [])]
    }
    print(f"{model} ({parts.family}), compared with the reference libraries")
    for name, each in compared.items():
        print(f"\n{name:<20}{'absolute':>10}{'relative':>10}{'bound':>10}{'PSNR':>12}")
        for found in each:
            errors = f"{found.absolute:>10.1e}{found.relative:>10.1e}{found.bound:>10.0e}"
            print(f"{found.part:<20}{errors}{found.psnr:>9.1f} dB", flush=True)
            values = {key: value for key, value in asdict(found).items() if key != "part"}
            finite = {key: value if math.isfinite(value) else None for key, value in values.items()}
            figures.setdefault(name, {})[found.part] = finite
            too_large += [] if found.within else [f"{found.part} in {name}"]
    if json is not None:
        write_json(json, {"model": model, "family": parts.family, **figures})
    if too_large:
        print(f"calotype: larger than the bound: {', '.join(too_large)}", file=sys.stderr)
    return 1 if too_large else 0
