"""Laws of deep supervision: its inputs, its gradients and its cost for the UNet."""

import pytest
import torch

from calotype.condition import Condition
from calotype.presets import unet_config
from calotype.scenes import draw_scene
from calotype.scenes.cells import targets
from calotype.training.tasks.scenes.supervision import Supervision
from calotype.unet import UNet

SCENES = [draw_scene(7, index, objects=(2, 2)) for index in range(2)]


def passed(supervised: bool = True) -> tuple[UNet, Supervision | None, torch.Tensor]:
    """A UNet after a pass over two latents, the head on it, what came out."""
    torch.manual_seed(0)
    unet = UNet(unet_config("tiny"))
    for weight in (weight for weight in unet.parameters() if weight.ndim > 1):
        torch.nn.init.xavier_normal_(weight)  # as it starts, the last layer is zero
    x = torch.randn(2, unet.config.in_channels, 16, 16)
    context = torch.randn(2, 3, unet.config.cross_attention_dim)
    head = Supervision(unet) if supervised else None
    return unet, head, unet(x, torch.tensor([3, 500]), Condition(context=context))


def test_listening_changes_nothing() -> None:
    assert torch.equal(passed()[2], passed(supervised=False)[2])


def test_the_blocks_up_to_the_one_that_is_heard_learn_and_no_later_one() -> None:
    unet, head, _ = passed()
    torch.stack([*head(targets(SCENES)).values()]).sum().backward()
    assert all(p.grad is not None for p in unet.down_blocks.parameters())
    assert all(p.grad is None for p in unet.up_blocks[-1].parameters())
    assert all(p.grad is not None for p in head.parameters())


def test_each_pass_is_heard_once() -> None:
    """Predictions for one batch are never compared with the targets of another."""
    _, head, _ = passed()
    head(targets(SCENES))
    with pytest.raises(ValueError, match="not enough values"):
        head(targets(SCENES))


def test_everything_that_is_said_can_be_learned() -> None:
    """Two noises, two scenes: after some steps the predictions of each are right."""
    unet, head, _ = passed()
    x = torch.randn(2, unet.config.in_channels, 16, 16)
    condition = Condition(context=torch.randn(2, 3, unet.config.cross_attention_dim))
    wanted = targets(SCENES)
    optimizer = torch.optim.Adam([*unet.parameters(), *head.parameters()], 3e-3)
    history = []
    for _ in range(60):
        unet(x, torch.tensor([500, 500]), condition)
        found = head(wanted)
        history.append({name: loss.item() for name, loss in found.items()})
        optimizer.zero_grad()
        torch.stack([*found.values()]).sum().backward()
        optimizer.step()
    for name, first in history[0].items():
        assert history[-1][name] < 0.5 * first, (name, first, history[-1][name])
