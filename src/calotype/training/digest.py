"""A short name for a network's weights and settings, by which another in its place is noticed."""

from __future__ import annotations

import hashlib

from calotype.autoencoder import FirstStage


def digest(network: FirstStage) -> str:
    """Sixteen hex digits that change with any weight or setting."""
    sha = hashlib.sha256(repr(network.config).encode())
    for tensor in network.state_dict().values():
        sha.update(tensor.cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]
