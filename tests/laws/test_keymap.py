"""Laws of key maps: there and back is the identity, and nothing is kept in two places."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calotype.autoencoder import AutoencoderConfig
from calotype.checkpoints.fit import shapes
from calotype.checkpoints.keymap import Place, gather, scatter, shapes_there
from calotype.checkpoints.kinds import AUTOENCODER_KL, CLIP_TEXT, UNET
from calotype.checkpoints.layouts import compvis
from calotype.conditioning import CLIPTextConfig
from calotype.presets.families import FAMILIES
from calotype.unet import UNetConfig, published


@st.composite
def unets(draw: st.DrawFn) -> UNetConfig:
    levels = draw(st.integers(1, 4))
    kinds = [draw(st.sampled_from(range(3))) for _ in range(levels)]
    return UNetConfig(
        block_out_channels=tuple(8 * draw(st.integers(1, 2)) for _ in range(levels)),
        down_block_types=tuple(published.WITH_CONTEXT[0][kind] for kind in kinds),
        up_block_types=tuple(published.WITH_CONTEXT[2][kind] for kind in reversed(kinds)),
        layers_per_block=draw(st.integers(1, 3)),
        norm_num_groups=4,
        cross_attention_dim=8,
        attention_head_dim=2,
        transformer_layers_per_block=draw(st.integers(1, 2)),
        use_linear_projection=draw(st.booleans()),
        time_cond_proj_dim=draw(st.sampled_from([None, 6])),
        num_class_embeds=draw(st.sampled_from([None, 5])),
    )


AUTOENCODERS = st.builds(
    lambda widths, layers: AutoencoderConfig(
        block_out_channels=tuple(widths), layers_per_block=layers, norm_num_groups=4
    ),
    st.lists(st.sampled_from([4, 8]), min_size=1, max_size=4),
    st.integers(1, 3),
)
TEXTS = st.builds(
    lambda layers: CLIPTextConfig(
        vocab_size=9,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=5,
    ),
    st.integers(1, 3),
)
NETWORKS = st.one_of(
    st.tuples(st.just(UNET), unets(), st.just(compvis.unet_places)),
    st.tuples(st.just(UNET), unets(), st.just(compvis.averaged_places)),
    st.tuples(st.just(AUTOENCODER_KL), AUTOENCODERS, st.just(compvis.autoencoder_places)),
    st.tuples(st.just(CLIP_TEXT), TEXTS, st.just(compvis.clip_places)),
    st.tuples(st.just(CLIP_TEXT), TEXTS, st.just(compvis.openclip_places)),
)


@given(NETWORKS)
def test_there_and_back_is_the_identity(network) -> None:
    kind, config, places_of = network
    wanted = shapes(kind, config)
    places = places_of(config, [*wanted])
    assert places.keys() == wanted.keys()
    assert len({(place.name, place.chunk) for place in places.values()}) == len(places)
    ours = {name: torch.randn(shape) for name, shape in wanted.items()}
    theirs = scatter(places, ours)
    assert {name: tensor.shape for name, tensor in theirs.items()} == shapes_there(places, wanted)
    back = gather(places, theirs)
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in ours.items())
    again = scatter(places, back)
    assert all(torch.equal(again[name], tensor) for name, tensor in theirs.items())


def test_chunks_of_one_tensor_are_put_together_in_order() -> None:
    """The example: queries, keys and values of OpenCLIP."""
    places = {"k": Place("in_proj", 1, 3), "v": Place("in_proj", 2, 3), "q": Place("in_proj", 0, 3)}
    ours = {"q": torch.zeros(2, 2), "k": torch.ones(2, 2), "v": torch.full((2, 2), 2.0)}
    assert scatter(places, ours)["in_proj"][:, 0].tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_name_that_a_family_needs_is_one_that_is_dropped(family) -> None:
    for kind, config, places_of in (
        (UNET, family.unet, compvis.unet_places),
        (AUTOENCODER_KL, family.autoencoder, compvis.autoencoder_places),
        (CLIP_TEXT, family.text, compvis.clip_places),
        (CLIP_TEXT, family.text, compvis.openclip_places),
    ):
        places = places_of(config, [*shapes(kind, config)])
        assert not [p.name for p in places.values() if compvis.why_dropped(p.name)]
