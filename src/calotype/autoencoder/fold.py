"""Folding the measured mean and deviation of the latents into the network's weights."""

import torch
from torch import Tensor

from calotype.autoencoder.autoencoder import Autoencoder, VQAutoencoder


@torch.no_grad()
def fold_latents(autoencoder: Autoencoder | VQAutoencoder, mean: Tensor, std: Tensor) -> None:
    """Change ``quant_conv`` and ``post_quant_conv`` so that latents have mean 0 and deviation 1.

    mean, std: (C,), measured per channel over the data. Reconstructions stay the same. Other
    programs have one ``scaling_factor`` and no shift; these latents need neither. The vectors of a
    codebook are changed as the latents are; all channels are divided by one deviation then, the
    root of the mean square of ``std``, since different ones would change which vector is nearest.
    """
    quant, post = autoencoder.quant_conv, autoencoder.post_quant_conv
    assert quant is not None, "nothing to fold into"
    assert post is not None, "nothing to fold into"
    assert quant.bias is not None
    assert post.bias is not None
    channels, mean, std = len(mean), mean.to(quant.weight), std.to(quant.weight)
    if isinstance(autoencoder, VQAutoencoder):
        std = std.square().mean().sqrt().expand_as(std)
        vectors = autoencoder.quantize.embedding.weight
        vectors.copy_((vectors - mean) / std)
    quant.weight[:channels] /= std[:, None, None, None]
    quant.bias[:channels] = (quant.bias[:channels] - mean) / std
    if len(quant.bias) > channels:
        quant.bias[channels:] -= 2 * std.log()  # the log of the variance
    post.bias += (post.weight[:, :, 0, 0] * mean).sum(dim=1)
    post.weight *= std[None, :, None, None]
