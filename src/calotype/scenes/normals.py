"""Surface normals from a depth map."""

from __future__ import annotations

import torch
from torch import Tensor

from calotype.scenes.camera import rays


def normals(depth: Tensor) -> Tensor:
    """Depths (B, H, W) of square renderings -> unit normals (B, 3, H, W) towards the camera.

    They are finite differences between neighbouring pixels: at the outline of an object, normals
    point sideways.
    """
    size = depth.shape[-1]
    direction = torch.stack(rays(size, depth.device)).view(3, size, size)
    points = depth[:, None] * direction
    across, down = torch.gradient(points, dim=(3, 2))
    facing = torch.linalg.cross(down, across, dim=1)
    return torch.nn.functional.normalize(facing, dim=1)
