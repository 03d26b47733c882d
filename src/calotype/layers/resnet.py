"""The residual block of UNet and autoencoder, and the resampling between their levels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GroupNormSiLU(nn.GroupNorm):
    """silu(group_norm(x)): (B, C, h, w) -> (B, C, h, w), in one buffer if no gradient is needed."""

    def forward(self, input: Tensor) -> Tensor:
        normed = F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
        # With gradients, an in-place SiLU would copy its input first and save nothing.
        return F.silu(normed, inplace=not torch.is_grad_enabled())


class ResnetBlock(nn.Module):
    """x + two 3x3 convolutions, each after norm and SiLU: (B, C_in, h, w) -> (B, C_out, h, w).

    time_channels: width of the embedding (B, time_channels) that ``forward`` takes as its second
        argument, after SiLU; None for a block without one.
    scale_shift: the embedding scales and shifts the second norm's output instead of being added
        before it ("scale_shift" of ``resnet_time_scale_shift``; Dhariwal and Nichol 2021, section
        3, adaptive group normalisation).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        groups: int,
        eps: float,
        time_channels: int | None = None,
        scale_shift: bool = False,
    ) -> None:
        super().__init__()
        assert not scale_shift or time_channels is not None
        self.scale_shift = scale_shift
        self.norm1 = GroupNormSiLU(groups, in_channels, eps)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.time_emb_proj = (
            None
            if time_channels is None
            else nn.Linear(time_channels, (1 + scale_shift) * out_channels)
        )
        norm2 = nn.GroupNorm if scale_shift else GroupNormSiLU
        self.norm2 = norm2(groups, out_channels, eps)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.conv_shortcut = (
            None if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)
        )

    def forward(self, x: Tensor, emb: Tensor | None = None) -> Tensor:
        return self._sum(x, self.norm1(x), emb)

    def _sum(self, x: Tensor, h: Tensor, emb: Tensor | None) -> Tensor:
        """x plus the rest of the block, applied to its first norm's output ``h``."""
        h = self.conv1(h)
        if self.time_emb_proj is None:
            h = self.norm2(h)
        else:
            assert emb is not None
            h = self._modulate(h, self.time_emb_proj(emb)[:, :, None, None])
        h = self.conv2(h)
        return h.add_(x if self.conv_shortcut is None else self.conv_shortcut(x))

    def _modulate(self, h: Tensor, emb: Tensor) -> Tensor:
        """The second norm and SiLU of ``h``, modulated by the embedding (B, C, 1, 1)."""
        if not self.scale_shift:
            return self.norm2(h.add_(emb))
        scale, shift = emb.chunk(2, dim=1)
        return F.silu(self.norm2(h) * (1 + scale) + shift)


class ResizingResnetBlock(ResnetBlock):
    """A residual block that also resizes (Brock et al. 2019, appendix B; ``resblock_updown``).

    size: (h, w) of the output, by nearest-neighbour interpolation; None halves the size, rounded
    up, by averages over 2x2.
    """

    def forward(
        self, x: Tensor, emb: Tensor | None = None, size: tuple[int, int] | None = None
    ) -> Tensor:
        h = self.norm1(x)
        if size is None:
            x, h = (F.avg_pool2d(each, 2, ceil_mode=True) for each in (x, h))
            return self._sum(x, h, emb)
        return self._sum(F.interpolate(x, size=size), F.interpolate(h, size=size), emb)


class Downsample(nn.Module):
    """3x3 convolution of stride 2: (B, C, h, w) -> (B, C, h / 2, w / 2).

    padding: 1 on all sides, as in UNets: sizes are rounded up; 0 for one row below and one column
        to the right, as in the published autoencoders: sizes are rounded down.
    """

    def __init__(self, channels: int, padding: int) -> None:
        super().__init__()
        self.asymmetric = padding == 0
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)) if self.asymmetric else x)


class Upsample(nn.Module):
    """Nearest-neighbour interpolation and a 3x3 convolution: (B, C, h, w) -> (B, C, 2h, 2w).

    size: (h, w) of the output instead of twice the input's.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        return self.conv(
            F.interpolate(x, scale_factor=2.0) if size is None else F.interpolate(x, size=size)
        )
