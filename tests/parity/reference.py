"""What the parity tests share: reference networks with no default left in them, and the measure."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Another order of the same sums: about 1e-15 a layer in float64 and 5e-7 in fp32, some tens of
# layers deep. A swapped norm or a wrong epsilon (1e-5 for 1e-6) shows up at 1e-6 and above.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}


def redraw(network: nn.Module, seed: int = 0) -> nn.Module:
    """Draw every parameter anew, norms and biases too, at sizes that keep activations near one.

    With default initialisation all norms are alike and biases are zero: swapping two of them, or
    leaving one out, would change nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        if parameter.ndim > 1:
            noise /= parameter[0].numel() ** 0.5
        else:
            noise = 0.3 * noise + (1.0 if name.endswith("weight") else 0.0)
        with torch.no_grad():
            parameter.copy_(noise)
    return network.eval()


def difference(ours: Tensor, reference: Tensor) -> float:
    """Largest difference, relative to the reference's largest value."""
    assert ours.shape == reference.shape
    assert ours.dtype == reference.dtype
    return ((ours - reference).abs().max() / reference.abs().max()).item()
