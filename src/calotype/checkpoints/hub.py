"""A model's name on the hub -> its folder in the cache, fetched if it is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from calotype.checkpoints.component import AUTOENCODER_KL, KINDS, Kind
from calotype.checkpoints.weights import PICKLES, find_weights, weight_names
from calotype.errors import UserError

ID = re.compile(r"\w[\w.-]*/\w[\w.-]*(@\w[\w./-]*)?")
SUFFIXES = PICKLES | {".safetensors"}
INDEX, ALONE = "model_index.json", "config.json"


def is_id(model: str) -> bool:
    """Whether a name can be one on the hub: owner/name, or owner/name@revision; no file's."""
    written_for_a_path = Path(model).suffix in SUFFIXES or Path(model).parent.is_dir()
    return ID.fullmatch(model) is not None and not written_for_a_path


def fetch(model: str) -> Path:
    """The folder of the model of that id.

    What is in the cache is taken without asking the hub. Else the files of the networks are
    fetched, one form of each; HF_HUB_OFFLINE, HF_HOME and HF_TOKEN mean what they always mean.
    Raises UserError with what the hub answered.
    """
    repository, _, revision = model.partition("@")
    try:
        return _cached(repository, revision or "main") or _fetched(repository, revision or None)
    except Exception as error:  # the hub's own, and those of whichever library speaks HTTP for it
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
    """Whether a model's folder, or an autoencoder's own, has all its weights."""
    try:
        if name == ALONE:
            find_weights(folder, AUTOENCODER_KL.file)
        else:
            for kind in KINDS:
                find_weights(folder / kind.folder, kind.file)
    except UserError:
        return False
    return True


def _fetched(repository: str, revision: str | None) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    files = HfApi().list_repo_files(repository, revision=revision)
    wanted = [*wanted_files(files)]
    return Path(snapshot_download(repository, revision=revision, allow_patterns=wanted))


def wanted_files(files: Sequence[str]) -> Iterator[str]:
    """Of a repository's files, those that a model is read from: patterns for its download.

    A repository without a model's index is taken for an autoencoder's.
    """
    if INDEX not in files:
        yield ALONE
        yield from _weights_in(files, "", AUTOENCODER_KL)
        return
    yield INDEX
    yield "scheduler/scheduler_config.json"
    yield from (name for name in files if re.fullmatch(r"tokenizer/[^/]+\.(json|txt)", name))
    for kind in KINDS:
        yield f"{kind.folder}/config.json"
        yield from _weights_in(files, f"{kind.folder}/", kind)


def _weights_in(files: Sequence[str], start: str, kind: Kind) -> Iterator[str]:
    """The best form of a network's weights that is there, with what its index names."""
    names = (start + name for name in weight_names(kind.file))
    for weights in (name for name in names if name in files):
        yield weights
        if ".index." in weights:
            stem, form = weights.split(".index.")[0].rsplit(".", 1)
            yield f"{stem}*-of-*.{form}"
        return
