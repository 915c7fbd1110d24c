"""
Take in a seller's logo: decoded, bounded and written anew, so that what is stored is a picture and nothing else.

Source: docs/rendering.md#branding.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from PIL import Image, ImageFile, UnidentifiedImageError

from customers.models import Logo
from customers.models.logos import MOST_BYTES

FORMATS = ("PNG", "JPEG")
MOST_UPLOADED = 2 * 1024 * 1024
MOST_PIXELS = 16_000_000
PRINTED = (1_200, 480)
"""Pixels of the largest picture kept: 60 mm by 24 mm at 508 dots per inch; larger ones are scaled down."""


class LogoRefused(ValueError):
    """The file is no picture that can be printed; the text says why, and what to do."""


def read_logo(content: bytes) -> Logo:
    """
    Return a picture as it would be kept, not stored yet: pixels only, as PNG, without whatever else the file held.

    :raises LogoRefused: if it is too large, neither PNG nor JPEG, or cannot be decoded.
    """
    if len(content) > MOST_UPLOADED:
        raise LogoRefused("The picture is larger than 2 MB: save it smaller.")
    pixels = _decoded(content)
    pixels.thumbnail(PRINTED, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    pixels.save(out, "PNG", optimize=True)
    drawn = out.getvalue()
    if len(drawn) > MOST_BYTES:
        raise LogoRefused("The picture is too detailed to be a logo: use one with fewer colors, or a smaller one.")
    return Logo(sha256=sha256(drawn).hexdigest(), content=drawn)


def store_logo(logo: Logo) -> Logo:
    """Store a picture, unless it is there: the same one is kept once."""
    return Logo.objects.get_or_create(sha256=logo.sha256, defaults={"content": logo.content})[0]


def _decoded(content: bytes) -> Image.Image:
    """Return the first frame's pixels, their colors red, green and blue, with transparency where there is some."""
    try:
        with _strictly(), Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise LogoRefused(
                    f"The picture has {picture.width:,} × {picture.height:,} pixels, more than 16 million:"
                    " save it smaller."
                )
            has_alpha = "A" in picture.getbands() or "transparency" in picture.info
            return _alone(picture.convert("RGBA" if has_alpha else "RGB"))
    except LogoRefused:
        raise
    except Image.DecompressionBombError as error:
        raise LogoRefused("The picture has more than 16 million pixels: save it smaller.") from error
    except UnidentifiedImageError as error:
        raise LogoRefused("This is neither a PNG nor a JPEG: choose a picture of one of these kinds.") from error
    except Exception as error:  # decoders raise whatever a broken file leads them into
        raise LogoRefused("The picture is damaged and cannot be read: save it anew.") from error


@contextmanager
def _strictly() -> Iterator[None]:
    """Let no file be read in part: WeasyPrint asks Pillow to fill up what is missing, for the whole process."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _alone(pixels: Image.Image) -> Image.Image:
    """Return the pixels without profiles, texts and thumbnails that came with them."""
    alone = Image.new(pixels.mode, pixels.size)
    alone.paste(pixels)
    return alone
