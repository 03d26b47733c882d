"""Group normalisation followed by SiLU: the way into every convolution of the networks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GroupNormSiLU(nn.GroupNorm):
    """silu(group_norm(x)), (B, C, h, w) -> (B, C, h, w): one buffer where no gradient is wanted."""

    def forward(self, input: Tensor) -> Tensor:
        normed = F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
        # With gradients an in-place SiLU would first copy its input, so it only pays without.
        return F.silu(normed, inplace=not torch.is_grad_enabled())
