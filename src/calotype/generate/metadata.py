"""What a picture's file says of itself: the text that other programs read, and the whole request.

PNG holds both as texts of its own; JPEG and WebP in EXIF, as UserComment and ImageDescription.
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
_MAX_EXIF = 65_000  # bytes: all that a JPEG's segment holds, less what stands around
_QUALITY = 95


@dataclass(frozen=True)
class PictureMetadata:
    """What a picture's file tells.

    request: what it asks for; None where nothing in the file says.
    provenance: by what it was made; None for a picture of another program.
    model: what the file calls the model; no path, and nothing to be opened by.
    left_out: what it asks for that has no place in a request.
    texts: all texts in it by name, as they are.
    """

    request: Request | None
    provenance: Provenance | None
    model: str
    left_out: tuple[str, ...]
    texts: dict[str, str]


def format_of(path: Path) -> Format:
    """The format that a file's name ends with; UserError for another."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: must end with one of {', '.join(SUFFIXES)}")
    return SUFFIXES[path.suffix.lower()]


def encode_picture(
    image: Image.Image, request: Request, provenance: Provenance, format: Format = "png"
) -> bytes:
    """A file of the picture with both texts inside.

    JPEG has no room for more than 64 KB: of a very long prompt first the request stays out, then
    the text.
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
    """Both texts, or as much of them as these bytes hold."""
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
    """The request inside a picture's file, ours or the web UI's; UserError if there is none."""
    return require_request(read_metadata(picture), picture)


def require_request(found: PictureMetadata, picture: str | Path | IO[bytes]) -> Request:
    """The request that was found in a picture's file; UserError if there is none."""
    if found.request is None:
        raise UserError(f"{_name(picture)}: holds no request and no text that stands for one")
    return found.request


def read_metadata(picture: str | Path | IO[bytes]) -> PictureMetadata:
    """What a picture's file tells; UserError only where it is no picture.

    What it says is data: nothing in it is opened, fetched or run.
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
    """A text that others wrote, in signs that do nothing to a terminal."""
    return "".join(
        mark if mark.isprintable() or mark == "\n" else ascii(mark)[1:-1] for mark in text
    )


def metadata_rows(picture: str | Path | IO[bytes]) -> Iterator[tuple[str, str]]:
    """What a picture's file tells, to be read by people: names and texts."""
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
            image.load()  # a PNG's texts may come after its pixels
            texts = {str(k): value for k, value in image.info.items() if isinstance(value, str)}
            return {**texts, **dict(_exif_texts(image.getexif()))}
    except FileNotFoundError:
        raise UserError(f"{_name(picture)}: no such file") from None
    except Exception as error:  # decoders of broken files raise what they like
        raise UserError(f"{_name(picture)}: cannot be read as a picture: {error}") from None


def _exif_texts(exif: Image.Exif) -> Iterator[tuple[str, str]]:
    comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if isinstance(comment, bytes) and comment:
        yield THEIRS, _comment(comment)
    described = exif.get(ExifTags.Base.ImageDescription)
    if isinstance(described, str) and described:
        yield (OURS if _ours(described) else "ImageDescription"), described


def _comment(comment: bytes) -> str:
    """A UserComment; of the two orders of UTF-16 the one that gives more letters of ours."""
    kind, text = comment[:8], comment[8:]
    if kind == _UNICODE:
        both = [text.decode(f"utf-16-{order}", errors="replace") for order in ("be", "le")]
        return max(both, key=lambda each: sum(mark.isascii() for mark in each))
    known = kind in (b"ASCII\0\0\0", bytes(8))
    return (text if known else comment).decode("utf-8", errors="replace").rstrip("\0")


def _name(picture: str | Path | IO[bytes]) -> str:
    return str(picture) if isinstance(picture, str | Path) else "picture"
