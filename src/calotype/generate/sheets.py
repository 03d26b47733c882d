"""Sheets: many pictures in rows and columns on one, plain or with text beside them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from calotype.generate.request import Sweep

INK, PAPER = "#303030", "#ffffff"
ROW_LETTERS = 18  # a row's name is wrapped after so many, a column's where its pictures end
MIN_LETTER = 11  # pixels that a letter is high
CAPTION_WIDTH = 24  # characters in a line of a caption; a character takes 6 pixels
CAPTION_LINE, CAPTION_MARGIN = 12, 4  # pixels
Colour = tuple[int, int, int]


def contact_sheet(images: Sequence[Image.Image], columns: int) -> Image.Image:
    """Images of one size row by row on one sheet, white where there is none."""
    return _grid(images, min(columns, len(images)), images[0].size)


def labelled_sheet(
    images: Sequence[Image.Image], columns: Sequence[str], rows: Sequence[str], title: str = ""
) -> Image.Image:
    """Images row by row, as many as there are names of columns times names of rows."""
    width = max(image.width for image in images)
    height = max(image.height for image in images)
    letter = max(MIN_LETTER, width // 14)
    font = ImageFont.load_default(letter)
    gap = letter // 2
    tops = [_wrap(name, max(6, int(1.7 * width / letter))) for name in columns]
    sides = [_wrap(name, ROW_LETTERS) for name in rows]
    left = max(_size(side, font)[0] for side in sides)
    left += 2 * gap if left else 0
    height = max(height, *(_size(side, font)[1] for side in sides))
    head = _size(title, font)[1] + gap if title else 0
    above = head + max(_size(top, font)[1] for top in tops) + gap
    sheet = _grid(images, len(columns), (width, height), gap, left, above)
    draw = ImageDraw.Draw(sheet)
    draw.text((left, gap // 2), title, INK, font)
    for number, top in enumerate(tops):
        draw.text((left + number * (width + gap), head + gap // 2), top, INK, font)
    for number, side in enumerate(sides):
        draw.text((gap, above + number * (height + gap)), side, INK, font)
    return sheet


def captioned_sheet(
    images: Sequence[Image.Image],
    captions: Sequence[Sequence[tuple[str, Colour]]],
    columns: int,
) -> Image.Image:
    """Images row by row, each over its caption: lines of text, each with its colour.

    Lines have at most ``CAPTION_WIDTH`` characters; longer ones are cut off.
    """
    lines = max(map(len, captions))
    tiles = [_captioned(*tile, lines) for tile in zip(images, captions, strict=True)]
    return contact_sheet(tiles, columns)


def sweep_sheet(request: Sweep, images: Mapping[int, Image.Image]) -> Image.Image:
    """The pictures of a sweep by their number, with the fields' values written beside them."""
    names = [[_label(name, value) for value in values] for name, values in request.over.items()]
    across, down, sheets = [*names, *[[""]] * (3 - len(names))]
    size = len(across) * len(down)
    return stack_sheets(
        [
            labelled_sheet(
                [images[number * size + k] for k in range(size)],
                columns=across,
                rows=down,
                title=title,
            )
            for number, title in enumerate(sheets)
        ]
    )


def stack_sheets(sheets: Sequence[Image.Image]) -> Image.Image:
    """Sheets one below the other."""
    whole = Image.new(
        "RGB", (max(sheet.width for sheet in sheets), sum(sheet.height for sheet in sheets)), PAPER
    )
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    return whole


def _grid(
    images: Sequence[Image.Image],
    columns: int,
    cell: tuple[int, int],
    gap: int = 0,
    left: int = 0,
    above: int = 0,
) -> Image.Image:
    """Images row by row, each at the top left of its cell (width, height), on white paper.

    gap: pixels to the right of each cell and below it. left, above: pixels before the first cell.
    """
    width, height = cell[0] + gap, cell[1] + gap
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (left + columns * width, above + rows * height), PAPER)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        sheet.paste(image, (left + column * width, above + row * height))
    return sheet


def _captioned(
    image: Image.Image, caption: Sequence[tuple[str, Colour]], lines: int
) -> Image.Image:
    """An image, centred over its caption, with room for this many lines."""
    width, margin = max(image.width, CAPTION_WIDTH * 6), CAPTION_MARGIN
    height = image.height + (lines + 1) * CAPTION_LINE
    tile = Image.new("RGB", (width + 2 * margin, height), PAPER)
    tile.paste(image, (margin + (width - image.width) // 2, margin))
    draw = ImageDraw.Draw(tile)
    for number, (line, colour) in enumerate(caption):
        draw.text((margin, image.height + 6 + number * CAPTION_LINE), line, fill=colour)
    return tile


def _wrap(text: str, letters: int) -> str:
    return "\n".join(textwrap.wrap(text, letters))


def _size(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> tuple[int, int]:
    """(width, height) of a text in pixels."""
    if not text:
        return 0, 0
    box = ImageDraw.Draw(Image.new("RGB", (1, 1))).textbbox((0, 0), text, font)
    return int(box[2]) + 1, int(box[3]) + 1


def _label(name: str, value: object) -> str:
    if name in ("prompt", "negative_prompt", "sampler"):
        return str(value)
    return f"{name.replace('_', ' ')} {value}"
