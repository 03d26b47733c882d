"""Laws of the layout predicted from a caption alone."""

import pytest
import torch

from calotype.scenes import draw_scene
from calotype.scenes.cells import CHANNELS, GRID, losses, targets
from calotype.scenes.scene import GROUNDS
from calotype.training.tasks.scenes.layout_head import LayoutHead


@pytest.mark.parametrize("width", [16, 48, 192])
def test_every_cell_is_spoken_for(width: int) -> None:
    torch.manual_seed(0)
    cells, grounds = LayoutHead(width)(torch.randn(3, 5, width))
    assert cells.shape == (3, CHANNELS, GRID, GRID)
    assert grounds.shape == (3, len(GROUNDS))


def test_the_order_of_the_context_says_nothing() -> None:
    """The prediction depends on the set of the caption's token vectors, as in the UNet."""
    torch.manual_seed(0)
    head, context = LayoutHead(48).double(), torch.randn(2, 7, 48, dtype=torch.float64)
    output, mixed = head(context), head(context[:, torch.randperm(7)])
    for one, other in zip(output, mixed, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_everything_that_is_said_can_be_learned() -> None:
    """Two captions, two scenes: after some steps the predictions of each are right."""
    torch.manual_seed(0)
    head, context = LayoutHead(48), torch.randn(2, 7, 48)
    wanted = targets([draw_scene(7, index, objects=(2, 2)) for index in range(2)])
    optimizer = torch.optim.Adam(head.parameters(), 3e-3)
    history = []
    for _ in range(150):
        found = losses(*head(context), wanted)
        history.append({name: loss.item() for name, loss in found.items()})
        optimizer.zero_grad()
        torch.stack([*found.values()]).sum().backward()
        optimizer.step()
    for name, first in history[0].items():
        assert history[-1][name] < 0.5 * first, (name, first, history[-1][name])
