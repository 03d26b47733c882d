"""PatchDiscriminator: classifies patches as parts of true pictures or of reconstructions."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

GROUPS = 8
SLOPE = 0.2  # of the leaky ReLUs


class PatchDiscriminator(nn.Module):
    """Pictures (B, channels, H, W) -> logits (B, 1, h, w), one for each patch; above 0: true.

    PatchGAN (Isola et al. 2017, section 3.2.2): each of ``layers`` convolutions halves the size,
    two more give the logits. The norms are group norms, so that a picture's logits do not depend on
    the rest of the batch.
    """

    def __init__(self, width: int = 48, layers: int = 3, channels: int = 3) -> None:
        super().__init__()
        widths = [width * min(2**level, 8) for level in range(layers)]
        first = nn.Conv2d(channels, width, 4, stride=2, padding=1)
        body: list[nn.Module] = [first, nn.LeakyReLU(SLOPE)]
        for before, after in pairwise(widths):
            body += _normed(before, after, stride=2)
        body += _normed(widths[-1], widths[-1], stride=1)
        self.body = nn.Sequential(*body)
        self.logits = nn.Conv2d(widths[-1], 1, 4, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.logits(self.body(pictures))


def _normed(before: int, after: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=False),
        nn.GroupNorm(GROUPS, after),
        nn.LeakyReLU(SLOPE),
    ]
