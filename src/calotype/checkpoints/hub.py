"""A model's id on the hub -> its folder in the cache, downloaded if it is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from calotype.checkpoints.files import read_json
from calotype.checkpoints.kinds import AUTOENCODER_KL, REQUIRED, folders, kinds_in
from calotype.checkpoints.model_folder import (
    INDEX,
    LOW_RES_SCHEDULER,
    SCHEDULER,
    UNCONDITIONAL_AUTOENCODER,
    network_folders,
)
from calotype.checkpoints.weights import PICKLES, find_weights, weight_names
from calotype.errors import UserError

ID = re.compile(r"\w[\w.-]*/\w[\w.-]*(@\w[\w./-]*)?")
SUFFIXES = PICKLES | {".safetensors"}
ALONE = "config.json"
"""The file by which the folder of an autoencoder alone is known."""


def is_id(model: str) -> bool:
    """Whether a name can be a hub id: owner/name, or owner/name@revision; not a file's path."""
    is_path = Path(model).suffix in SUFFIXES or Path(model).parent.is_dir()
    return ID.fullmatch(model) is not None and not is_path


def fetch(model: str) -> Path:
    """The folder of the model with that id.

    A model in the cache is used without asking the hub. Otherwise the files of its networks are
    downloaded, one form of each; HF_HUB_OFFLINE, HF_HOME and HF_TOKEN have their usual meaning.
    Raises UserError with the hub's answer.
    """
    repository, _, revision = model.partition("@")
    try:
        return _cached(repository, revision or "main") or _fetched(repository, revision or None)
    except (
        Exception
    ) as error:  # the hub's own, and those of whichever library it makes requests with
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(
            f'model "{model}": not a folder or file here, not in the cache, and the hub answered: '
            f"{reason}"
        ) from None


def _cached(repository: str, revision: str) -> Path | None:
    """The snapshot in the cache, if the weights of every network are in it."""
    from huggingface_hub import try_to_load_from_cache

    for name in (INDEX, ALONE):
        found = try_to_load_from_cache(repository, name, revision=revision)
        if isinstance(found, str) and _is_whole(Path(found).parent, name):
            return Path(found).parent
    return None


def _is_whole(folder: Path, name: str) -> bool:
    """Whether a model's folder, or that of an autoencoder alone, has all its weights."""
    try:
        if name == ALONE:
            find_weights(folder, _weights_file(AUTOENCODER_KL.folder))
        else:
            for network, at in network_folders(read_json(folder / INDEX)).items():
                find_weights(folder / at, _weights_file(network))
    except UserError:
        return False
    return True


def _weights_file(network: str) -> str:
    return kinds_in(network)[0].file


def _fetched(repository: str, revision: str | None) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    files = HfApi().list_repo_files(repository, revision=revision)
    wanted = [*wanted_files(files)]
    return Path(snapshot_download(repository, revision=revision, allow_patterns=wanted))


def wanted_files(files: Sequence[str]) -> Iterator[str]:
    """Of a repository's files, those that a model is read from: patterns for its download.

    A repository without a model's index is taken for that of an autoencoder alone.
    """
    if INDEX not in files:
        yield ALONE
        yield from _weights_in(files, "", AUTOENCODER_KL.folder)
        return
    yield INDEX
    yield SCHEDULER
    yield from (name for name in files if re.fullmatch(r"tokenizer/[^/]+\.(json|txt)", name))
    yield from (name for name in files if name == LOW_RES_SCHEDULER)
    for network in folders():
        at = network
        if network == AUTOENCODER_KL.folder and f"{UNCONDITIONAL_AUTOENCODER}/config.json" in files:
            at = UNCONDITIONAL_AUTOENCODER
        if network in REQUIRED or any(name.startswith(f"{at}/") for name in files):
            yield f"{at}/config.json"
            yield from _weights_in(files, f"{at}/", network)


def _weights_in(files: Sequence[str], start: str, network: str) -> Iterator[str]:
    """The best form of a network's weights that is there, with the files that its index names."""
    names = (start + name for name in weight_names(_weights_file(network)))
    for weights in (name for name in names if name in files):
        yield weights
        if ".index." in weights:
            stem, form = weights.split(".index.")[0].rsplit(".", 1)
            yield f"{stem}*-of-*.{form}"
        return
