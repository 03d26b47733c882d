"""Laws of the UNet's plan: its channels add up, and the modules match it."""

from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.condition import Condition
from calotype.presets import scenes, sd1
from calotype.unet import Plan, UNet, UNetConfig, plan, plan_table, published


@st.composite
def configs(draw) -> UNetConfig:
    levels = draw(st.integers(1, 4))

    def per_level(values):
        return draw(st.tuples(*[values] * levels))

    known = st.sampled_from([published.WITH_CONTEXT, published.WITHOUT])
    downs, middles, ups, between = draw(known)
    return UNetConfig(
        block_out_channels=per_level(st.sampled_from([8, 16, 24, 32])),
        layers_per_block=per_level(st.integers(1, 3)),
        down_block_types=per_level(st.sampled_from(downs)),
        mid_block_type=draw(st.sampled_from(middles)),
        up_block_types=per_level(st.sampled_from(ups)),
        norm_num_groups=4,
        cross_attention_dim=per_level(st.sampled_from([4, 12])),
        attention_head_dim=per_level(st.sampled_from([1, 2, 4])),
        transformer_layers_per_block=per_level(st.integers(1, 2)),
        downsample_type=draw(st.sampled_from(between)),
        upsample_type=draw(st.sampled_from(between)),
    )


@given(configs())
def test_what_goes_in_is_what_came_out(config):
    whole = plan(config)
    channels = whole.in_channels
    for block in whole.blocks:
        for spec in block.resnets:
            assert spec.in_channels == channels
            channels = spec.out_channels
        assert {spec.channels for spec in block.attentions} <= {channels}
    assert channels == config.block_out_channels[0]


@given(configs())
def test_every_skip_is_taken_once_last_first_at_its_own_size(config):
    whole = plan(config)
    taken = [(spec.skip_channels, block.factor) for block in whole.up for spec in block.resnets]
    assert taken == _pushed(whole)[::-1]
    assert not any(
        spec.skip_channels for block in whole.blocks[: -len(whole.up)] for spec in block.resnets
    )


def _pushed(whole: Plan) -> list[tuple[int, int]]:
    """Channels and factor of every skip: the downsampling's is already at the next factor."""
    factors = [1]
    for block in whole.down:
        factors += [block.factor] * len(block.resnets) + [2 * block.factor] * block.resampled
    return list(zip(whole.skips, factors, strict=True))


@given(configs())
def test_down_and_up_mirror_each_other(config):
    whole = plan(config)
    assert [block.factor for block in whole.up] == [block.factor for block in whole.down][::-1]
    assert sum(b.resampled for b in whole.up) == sum(b.resampled for b in whole.down)


@settings(max_examples=30)
@given(configs())
def test_the_modules_are_what_the_plan_says(config):
    with torch.device("meta"):
        network = UNet(config)
    for spec in network.plan.blocks:
        block = network.get_submodule(spec.name)
        assert [(r.conv1.in_channels, r.conv1.out_channels) for r in block.resnets] == [
            (r.in_channels + r.skip_channels, r.out_channels) for r in spec.resnets
        ]
        if config.reads_context:
            assert [
                (
                    a.proj_in.out_channels,
                    len(a.transformer_blocks),
                    a.transformer_blocks[0].attn2.heads,
                )
                for a in block.attentions
            ] == [(a.channels, a.layers, a.heads) for a in spec.attentions]
        else:
            assert [(a.to_q.in_features, a.heads) for a in block.attentions] == [
                (a.channels, a.heads) for a in spec.attentions
            ]


@settings(max_examples=10)
@given(configs(), st.integers(3, 9), st.integers(3, 9))
def test_every_plan_runs_at_any_size(config, height, width):
    context = max(config.per_level(config.cross_attention_dim))
    config = replace(config, cross_attention_dim=context)
    network = UNet(config)
    x = torch.zeros(1, 4, height, width)
    condition = (
        Condition(context=torch.zeros(1, 2, context)) if config.reads_context else Condition()
    )
    out = network(x, torch.tensor([5]), condition)
    assert out.shape == x.shape


def test_a_table_has_a_line_for_each_residual_block():
    for config in (sd1.UNET, scenes.UNET):
        whole = plan(config)
        lines = plan_table(whole).splitlines()
        rows = sum(len(block.resnets) + block.resampled for block in whole.blocks)
        assert len(lines) == 1 + rows
        assert len({line.index("->") for line in lines if "->" in line}) == 1
