"""The UNet against diffusers' two classes of it, through the folder that diffusers saves."""

from dataclasses import replace

import diffusers
import pytest
import torch
from reference import TOLERANCE, difference, redraw

from calotype.checkpoints.component import load_component
from calotype.checkpoints.kinds import UNET
from calotype.condition import Condition
from calotype.errors import UserError
from calotype.presets import sd1, sd2
from calotype.unet import UNet, UNetConfig

CONTEXT = 24  # width of the tokens that cross-attention reads
DOWN, CROSS_DOWN = "DownBlock2D", "CrossAttnDownBlock2D"
UP, CROSS_UP = "UpBlock2D", "CrossAttnUpBlock2D"
ATTN_DOWN, ATTN_UP = "AttnDownBlock2D", "AttnUpBlock2D"
RESNET_DOWN, RESNET_UP = "ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D"

SD1 = UNetConfig(
    block_out_channels=(16, 32, 32),
    down_block_types=(CROSS_DOWN, CROSS_DOWN, DOWN),
    up_block_types=(UP, CROSS_UP, CROSS_UP),
    norm_num_groups=8,
    cross_attention_dim=CONTEXT,
)
SD2 = replace(
    SD1,
    block_out_channels=(64, 128, 128),
    layers_per_block=1,
    attention_head_dim=(1, 2, 2),  # heads of 64
    use_linear_projection=True,
    upcast_attention=True,
)
WITHOUT_CONTEXT = UNetConfig(
    block_out_channels=(16, 32, 48),
    down_block_types=(DOWN, ATTN_DOWN, ATTN_DOWN),
    mid_block_type="UNetMidBlock2D",
    up_block_types=(ATTN_UP, ATTN_UP, UP),
    norm_num_groups=8,
    attention_head_dim=16,  # one head, two, three
)
VARIANTS = {
    "SD 1": SD1,
    "SD 2": SD2,
    "nine input channels": replace(SD1, in_channels=9, layers_per_block=1),
    "class table, first attentions on the context": replace(
        SD1, num_class_embeds=7, only_cross_attention=(True, False, True)
    ),
    "class projection": replace(
        SD2, class_embed_type="projection", projection_class_embeddings_input_dim=11
    ),
    "class as a time": replace(SD1, class_embed_type="timestep", layers_per_block=1),
    "guidance, scale and shift": replace(
        SD1, time_cond_proj_dim=5, resnet_time_scale_shift="scale_shift", layers_per_block=1
    ),
    "no middle, sines first, other places for attention": replace(
        SD1,
        mid_block_type=None,
        flip_sin_to_cos=False,
        freq_shift=1,
        down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN),
        up_block_types=(CROSS_UP, UP, CROSS_UP),
    ),
    "each level its own": replace(
        SD1,
        block_out_channels=(16, 32, 48),
        layers_per_block=(1, 2, 1),
        transformer_layers_per_block=(1, 2, 1),
        attention_head_dim=(2, 4, 3),
    ),
    "no context": WITHOUT_CONTEXT,
    "no context, attention in the middle alone, six input channels, a class table": replace(
        WITHOUT_CONTEXT,
        in_channels=6,
        down_block_types=(DOWN,) * 3,
        up_block_types=(UP,) * 3,
        num_class_embeds=7,
        layers_per_block=1,
    ),
    "no context, sines first, attention at other places, another epsilon": replace(
        WITHOUT_CONTEXT,
        down_block_types=(ATTN_DOWN, DOWN, DOWN),
        up_block_types=(UP, UP, ATTN_UP),
        norm_eps=1e-3,
        freq_shift=1,
        flip_sin_to_cos=False,
    ),
    "residual blocks between levels without attention": replace(
        SD1,
        down_block_types=(RESNET_DOWN, CROSS_DOWN, DOWN),
        up_block_types=(RESNET_UP, CROSS_UP, UP),
        layers_per_block=1,
    ),
    "no context, residual blocks between all levels, scale and shift": replace(
        WITHOUT_CONTEXT,
        down_block_types=(RESNET_DOWN, ATTN_DOWN, ATTN_DOWN),
        up_block_types=(ATTN_UP, ATTN_UP, RESNET_UP),
        downsample_type="resnet",
        upsample_type="resnet",
        resnet_time_scale_shift="scale_shift",
        attn_norm_num_groups=8,
        layers_per_block=1,
    ),
    "no context, residual blocks going down alone": replace(
        WITHOUT_CONTEXT, downsample_type="resnet", layers_per_block=1
    ),
}


def _inputs(config: UNetConfig, size: tuple[int, int], dtype: torch.dtype):
    """x, t and a condition with every field that the config asks for."""
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=dtype)

    vectors = {
        None: torch.tensor([1, 6]) if config.num_class_embeds else None,
        "projection": draw(2, config.projection_class_embeddings_input_dim or 1),
        "timestep": torch.tensor([20, 350]),
    }
    condition = Condition(
        context=draw(2, 5, CONTEXT) if config.reads_context else None,
        vector=vectors[config.class_embed_type],
        concat=draw(2, config.in_channels - 4, *size) if config.in_channels > 4 else None,
        guidance=draw(2, config.time_cond_proj_dim) if config.time_cond_proj_dim else None,
    )
    return draw(2, 4, *size), torch.tensor([3, 901]), condition


def _reference(config: UNetConfig):
    """diffusers' network of this config, of the class that the config names."""
    values = config.to_json()
    return getattr(diffusers, values["_class_name"]).from_config(values)


def _reference_output(reference, x, t, condition: Condition, **residuals):
    joined = x if condition.concat is None else torch.cat([x, condition.concat], dim=1)
    if isinstance(reference, diffusers.UNet2DModel):
        return reference(joined, t, class_labels=condition.vector).sample
    return reference(
        joined,
        t,
        condition.context,
        class_labels=condition.vector,
        timestep_cond=condition.guidance,
        **residuals,
    ).sample


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", VARIANTS)
def test_outputs_equal(name, dtype, tmp_path):
    config = VARIANTS[name]
    reference = _reference(config)
    redraw(reference.to(dtype)).save_pretrained(tmp_path)
    ours = load_component(UNET, tmp_path, dtype=dtype)
    assert isinstance(ours, UNet)
    assert ours.config == config
    x, t, condition = _inputs(config, (12, 8), dtype)
    with torch.no_grad():
        expected = _reference_output(reference, x, t, condition)
        assert difference(ours(x, t, condition), expected) < TOLERANCE[dtype]
    # Without a gradient some sums are made in place: both ways must be right.
    assert difference(ours(x, t, condition), expected) < TOLERANCE[dtype]


@pytest.mark.parametrize("size", [(13, 10), (7, 5), (5, 16)], ids=str)
def test_any_latent_size(size):
    reference = redraw(diffusers.UNet2DConditionModel.from_config(SD1.to_json()).double())
    ours = UNet(SD1).double()
    ours.load_state_dict(reference.state_dict())
    x, t, condition = _inputs(SD1, size, torch.float64)
    with torch.no_grad():
        expected = _reference_output(reference, x, t, condition)
        assert difference(ours(x, t, condition), expected) < TOLERANCE[torch.float64]


def test_residuals_join_the_skips_and_the_middle():
    reference = redraw(diffusers.UNet2DConditionModel.from_config(SD1.to_json()).double())
    ours = UNet(SD1).double()
    ours.load_state_dict(reference.state_dict())
    x, t, condition = _inputs(SD1, (8, 8), torch.float64)
    sizes = [8] * 3 + [4] * 3 + [2] * 3 + [2]
    widths = [*ours.plan.skips, SD1.block_out_channels[-1]]
    residuals = tuple(
        torch.randn(2, width, size, size, dtype=torch.float64)
        for width, size in zip(widths, sizes, strict=True)
    )
    with torch.no_grad():
        expected = _reference_output(
            reference,
            x,
            t,
            condition,
            down_block_additional_residuals=residuals[:-1],
            mid_block_additional_residual=residuals[-1],
        )
        result = ours(x, t, replace(condition, residuals=residuals))
    assert difference(result, expected) < TOLERANCE[torch.float64]


# diffusers' network without a context takes sides that its levels can halve.
@pytest.mark.parametrize(
    ("name", "size"), [("SD 1", (8, 6)), ("SD 2", (8, 6)), ("no context", (8, 4))]
)
def test_gradients_equal(name, size):
    config = VARIANTS[name]
    reference = redraw(_reference(config).double())
    ours = UNet(config).double()
    ours.load_state_dict(reference.state_dict())
    x, t, condition = _inputs(config, size, torch.float64)
    _reference_output(reference, x, t, condition).square().sum().backward()
    ours(x, t, condition).square().sum().backward()
    expected = dict(reference.named_parameters())
    largest = max(p.grad.abs().max().item() for p in expected.values())
    for key, parameter in ours.named_parameters():
        # Relative to the largest gradient: a bias before a norm has a gradient of nearly zero.
        error = (parameter.grad - expected[key].grad).abs().max().item() / largest
        assert error < TOLERANCE[torch.float64], key


def test_a_new_network_gives_zero():
    x, t, condition = _inputs(SD2, (8, 8), torch.float32)
    assert not UNet(SD2)(x, t, condition).any()


@pytest.mark.parametrize(
    "config",
    [sd1.UNET, sd1.INPAINTING_UNET, sd2.UNET, sd2.BASE_UNET],
    ids=["sd1", "sd1-inpainting", "sd2", "sd2-base"],
)
def test_full_size_names_and_shapes(config):
    with torch.device("meta"):
        reference = diffusers.UNet2DConditionModel.from_config(config.to_json())
        ours = UNet(config)
    assert _shapes(ours) == _shapes(reference)


def _shapes(network):
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def test_config_survives_the_file():
    for config in VARIANTS.values():
        assert UNetConfig.from_json(config.to_json()) == config


def test_published_defaults_are_ours():
    """A field that a file leaves out means to us what it means to diffusers."""
    with torch.device("meta"):
        defaults = dict(diffusers.UNet2DConditionModel.from_config({}).config)
    assert UNetConfig.from_json(defaults) == UNetConfig() == UNetConfig.from_json({})
    with torch.device("meta"):
        defaults = dict(diffusers.UNet2DModel.from_config({}).config)
    named = {"_class_name": "UNet2DModel"}
    assert UNetConfig.from_json({**defaults, **named}) == UNetConfig.from_json(named)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"act_fn": "gelu"}, "act_fn = 'gelu' is not supported, only 'silu'"),
        ({"addition_embed_type": "text_time"}, "addition_embed_type = 'text_time'"),
        ({"time_embedding_type": "fourier"}, "time_embedding_type = 'fourier'"),
        ({"down_block_types": ["KDownBlock2D"] * 3}, "KDownBlock2D"),
        ({"down_block_types": ["AttnDownBlock2D"] * 3}, "AttnDownBlock2D"),
        ({"mid_block_type": "UNetMidBlock2D"}, "'CrossAttnDownBlock2D' is not supported"),
        (
            {
                "mid_block_type": "UNetMidBlock2D",
                "down_block_types": [DOWN] * 3,
                "up_block_types": [UP] * 3,
            },
            '"UNetMidBlock2D" needs a UNet2DModel',
        ),
        ({"class_embed_type": "identity"}, "'identity' is not supported"),
        ({"class_embed_type": "projection"}, "projection_class_embeddings_input_dim"),
        ({"block_out_channels": [16, 32]}, "down_block_types"),
        ({"attention_head_dim": [8, 8]}, "attention_head_dim = (8, 8) has 2 levels"),
        ({"attention_head_dim": 5}, "attention_head_dim = 5"),
        ({"layer_per_block": 1}, 'did you mean "layers_per_block"'),
    ],
)
def test_what_is_not_supported_is_named(change, message):
    with pytest.raises(UserError) as error:
        UNetConfig.from_json({**SD1.to_json(), **change})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"downsample_type": "fir"}, "'fir' is not supported"),
        ({"add_attention": False}, "add_attention = False is not supported"),
        ({"resnet_time_scale_shift": "scale_shift"}, "attn_norm_num_groups: None is not"),
        ({"down_block_types": [CROSS_DOWN] * 3}, "'CrossAttnDownBlock2D' is not supported"),
        ({"attention_head_dim": 12}, "attention_head_dim = 12"),
    ],
)
def test_what_is_not_supported_without_a_context_is_named(change, message):
    with pytest.raises(UserError) as error:
        UNetConfig.from_json({**WITHOUT_CONTEXT.to_json(), **change})
    assert message in str(error.value)
