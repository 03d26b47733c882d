"""The reported cost of a preset's networks, against sums by hand."""

from calotype.presets import measured, preset


def test_a_text_encoder_costs_what_its_matrices_do():
    """A layer: four of d x d, two of d x i, and every token with every other, twice."""
    for name in ("tiny", "sd1", "sd2"):
        config = preset(name).text
        assert config
        n, d, i = config.max_position_embeddings, config.hidden_size, config.intermediate_size
        layer = n * (4 * d * d + 2 * d * i) + 2 * n * n * d
        (found,) = (each for each in measured(preset(name)) if each.what == "text encoder")
        assert found.flops == 2 * config.num_hidden_layers * layer


def test_twice_the_side_costs_an_autoencoder_of_convolutions_four_times():
    """No attention in its middle: every product is at a place."""
    small, large = (next(measured(preset(name))) for name in ("scenes", "compression-f8"))
    assert small.flops == 4 * large.flops
