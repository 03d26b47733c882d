"""Group normalisation followed by SiLU, which stands before most convolutions of the networks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GroupNormSiLU(nn.GroupNorm):
    """silu(group_norm(x)): (B, C, h, w) -> (B, C, h, w), in one buffer if no gradient is needed."""

    def forward(self, input: Tensor) -> Tensor:
        normed = F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
        # With gradients, an in-place SiLU would copy its input first and save nothing.
        return F.silu(normed, inplace=not torch.is_grad_enabled())
