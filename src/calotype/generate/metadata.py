"""Metadata of a picture's file: the request as JSON, beside the text that other programs read.

PNG holds both in text chunks; JPEG and WebP in EXIF, as ImageDescription and UserComment.
"""

from __future__ import annotations

import io
import json
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from calotype.errors import UserError
from calotype.generate import infotext
from calotype.generate.provenance import Provenance
from calotype.generate.request import Request
from calotype.names import Format

SUFFIXES: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}

OURS, THEIRS = "calotype", "parameters"
_UNICODE = b"UNICODE\0"
_MAX_EXIF = 65_000  # bytes: what a JPEG segment holds, less its header
_QUALITY = 95


@dataclass(frozen=True)
class PictureMetadata:
    """What a picture's file says about how it was made.

    request: the request that makes it; None if the file holds none.
    provenance: None for a picture of another program.
    model: the model's name in the file; it is never opened as a path.
    left_out: settings in the file that no request can hold.
    texts: all texts in the file by name, unchanged.
    """

    request: Request | None
    provenance: Provenance | None
    model: str
    left_out: tuple[str, ...]
    texts: dict[str, str]


def format_of(path: Path) -> Format:
    """The format of a file by its suffix; UserError for one that is not supported."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: must end with one of {', '.join(SUFFIXES)}")
    return SUFFIXES[path.suffix.lower()]


def encode_picture(
    image: Image.Image, request: Request, provenance: Provenance, format: Format = "png"
) -> bytes:
    """The bytes of the picture's file, with both texts inside.

    JPEG has room for 64 KB: with a very long prompt the request is left out, then the text too.
    """
    text = infotext.write_infotext(request, provenance)
    record = json.dumps(
        {**provenance.model_dump(mode="json"), "request": request.model_dump(mode="json")}
    )
    buffer = io.BytesIO()
    if format == "png":
        info = PngInfo()
        info.add_text(THEIRS, text)
        info.add_text(OURS, record)
        image.save(buffer, format="PNG", pnginfo=info)
    else:
        jpeg = format == "jpeg"
        exif = _exif(text, record, _MAX_EXIF if jpeg else math.inf)
        options: dict[str, Any] = {"quality": _QUALITY, "exif": exif}
        if jpeg:
            options |= {"subsampling": 0}
        image.convert("RGB").save(buffer, format=format.upper(), **options)
    return buffer.getvalue()


def _exif(text: str, record: str, most: float) -> bytes:
    """EXIF data with both texts, or with as many as fit into ``most`` bytes."""
    comment = _UNICODE + text.encode("utf-16-be")
    for texts in ((comment, record), (comment, None), (None, None)):
        exif = Image.Exif()
        if texts[0]:
            exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = texts[0]
        if texts[1]:
            exif[ExifTags.Base.ImageDescription] = texts[1]
        if len(data := exif.tobytes()) <= most:
            return data
    return b""


def read_request(picture: str | Path | IO[bytes]) -> Request:
    """The request in a picture's file, of ours or of the web UI; UserError if there is none."""
    return require_request(read_metadata(picture), picture)


def require_request(found: PictureMetadata, picture: str | Path | IO[bytes]) -> Request:
    """The request among a picture's metadata; UserError if there is none."""
    if found.request is None:
        raise UserError(f"{_name(picture)}: holds no request and no text that stands for one")
    return found.request


def read_metadata(picture: str | Path | IO[bytes]) -> PictureMetadata:
    """The metadata of a picture's file; UserError if it can't be read as a picture.

    The texts are data: nothing in them is opened, fetched or run.
    """
    texts = _texts(picture)
    if ours := _ours(texts.get(OURS, "")):
        return PictureMetadata(*ours, ours[1].model, (), texts)
    theirs = infotext.parse_infotext(texts.get(THEIRS, ""))
    if not theirs.pairs:
        return PictureMetadata(None, None, "", (), texts)
    request, left_out = infotext.request_from_infotext(theirs)
    return PictureMetadata(request, None, theirs.pairs.get("Model", ""), tuple(left_out), texts)


def printable(text: str) -> str:
    """A foreign text with control characters escaped, so that a terminal can print it."""
    return "".join(
        mark if mark.isprintable() or mark == "\n" else ascii(mark)[1:-1] for mark in text
    )


def metadata_rows(picture: str | Path | IO[bytes]) -> Iterator[tuple[str, str]]:
    """The metadata of a picture's file as (name, text) rows for people."""
    for name, text in _rows(picture):
        yield printable(name).replace("\n", " "), printable(text)


def _rows(picture: str | Path | IO[bytes]) -> Iterator[tuple[str, str]]:
    found = read_metadata(picture)
    if found.provenance:
        yield "written by", f"calotype {found.provenance.version}"
        for name, value in found.provenance.model_dump(exclude={"version"}).items():
            if value not in ("", False):
                yield name.replace("_", " "), str(value)
    elif found.model:
        yield "model", found.model
    if found.request:
        values = found.request.model_dump(exclude={"images"}, exclude_none=True)
        for name, value in {**values, **values.pop("sampling")}.items():
            if name != "sampling" and value not in ("", ()):
                yield name, str(value)
    for text in found.left_out:
        yield "left out", text
    if found.request is None:
        for name, text in found.texts.items():
            yield name, text
        yield "request", "none that is understood"


def _ours(text: str) -> tuple[Request, Provenance] | None:
    try:
        record = json.loads(text)
        return Request.model_validate(record["request"]), Provenance.model_validate(record)
    except (ValueError, KeyError, TypeError, RecursionError):  # pydantic's errors are ValueErrors
        return None


def _texts(picture: str | Path | IO[bytes]) -> dict[str, str]:
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(picture) as image:
            image.load()  # text chunks of a PNG may come after its pixels
            texts = {str(k): value for k, value in image.info.items() if isinstance(value, str)}
            return {**texts, **dict(_exif_texts(image.getexif()))}
    except FileNotFoundError:
        raise UserError(f"{_name(picture)}: no such file") from None
    except Exception as error:  # decoders raise any exception on broken files
        raise UserError(f"{_name(picture)}: cannot be read as a picture: {error}") from None


def _exif_texts(exif: Image.Exif) -> Iterator[tuple[str, str]]:
    comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if isinstance(comment, bytes) and comment:
        yield THEIRS, _comment(comment)
    described = exif.get(ExifTags.Base.ImageDescription)
    if isinstance(described, str) and described:
        yield (OURS if _ours(described) else "ImageDescription"), described


def _comment(comment: bytes) -> str:
    """The text of a UserComment; of both byte orders of UTF-16 the one with more ASCII letters."""
    kind, text = comment[:8], comment[8:]
    if kind == _UNICODE:
        both = [text.decode(f"utf-16-{order}", errors="replace") for order in ("be", "le")]
        return max(both, key=lambda each: sum(mark.isascii() for mark in each))
    known = kind in (b"ASCII\0\0\0", bytes(8))
    return (text if known else comment).decode("utf-8", errors="replace").rstrip("\0")


def _name(picture: str | Path | IO[bytes]) -> str:
    return str(picture) if isinstance(picture, str | Path) else "picture"
