"""
Import of a seller's logo: decoded, bounded and encoded again, so that only a picture is stored.

Source: docs/rendering.md#branding.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from PIL import Image, ImageFile, UnidentifiedImageError

from customers.models import Logo
from customers.models.logos import MAX_BYTES

FORMATS = ("PNG", "JPEG")
# Bounds on the upload and, because a small file may unpack into a huge picture, on the pixels in memory.
MAX_UPLOADED = 2 * 1024 * 1024
MAX_PIXELS = 16_000_000
PRINTED = (1_200, 480)
"""Maximum pixels of a stored logo: 60 mm by 24 mm at 508 dots per inch; larger ones are scaled down."""


class LogoRefused(ValueError):
    """The file is not a printable picture; the text gives the reason and the remedy."""


def read_logo(content: bytes) -> Logo:
    """
    Return the logo as it would be stored, unsaved: pixels only, as PNG, without any other content of the file.

    :raises LogoRefused: if it is too large, neither PNG nor JPEG, or cannot be decoded.
    """
    if len(content) > MAX_UPLOADED:
        raise LogoRefused("The picture is larger than 2 MB: save it smaller.")
    pixels = _decode(content)
    pixels.thumbnail(PRINTED, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    pixels.save(out, "PNG", optimize=True)
    encoded = out.getvalue()
    if len(encoded) > MAX_BYTES:
        raise LogoRefused("The picture is too detailed to be a logo: use one with fewer colors, or a smaller one.")
    return Logo(sha256=sha256(encoded).hexdigest(), content=encoded)


def store_logo(logo: Logo) -> Logo:
    """Store a logo; identical ones are stored once."""
    return Logo.objects.get_or_create(sha256=logo.sha256, defaults={"content": logo.content})[0]


def _decode(content: bytes) -> Image.Image:
    """Return the first frame's pixels in RGB, with transparency if the file has it."""
    try:
        with _rejecting_truncated_files(), Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise LogoRefused(
                    f"The picture has {picture.width:,} × {picture.height:,} pixels, more than 16 million:"
                    " save it smaller."
                )
            has_alpha = "A" in picture.getbands() or "transparency" in picture.info
            return _without_metadata(picture.convert("RGBA" if has_alpha else "RGB"))
    except LogoRefused:
        raise
    except Image.DecompressionBombError as error:
        raise LogoRefused("The picture has more than 16 million pixels: save it smaller.") from error
    except UnidentifiedImageError as error:
        raise LogoRefused("This is neither a PNG nor a JPEG: choose a picture of one of these kinds.") from error
    except Exception as error:  # a broken file can make a decoder raise any error
        raise LogoRefused("The picture is damaged and cannot be read: save it anew.") from error


@contextmanager
def _rejecting_truncated_files() -> Iterator[None]:
    """
    Reject truncated files within the block: WeasyPrint makes Pillow fill up missing data, for the whole process.
    """
    previous = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = previous


def _without_metadata(pixels: Image.Image) -> Image.Image:
    """Return a copy of the pixels without profiles, texts and thumbnails."""
    copy = Image.new(pixels.mode, pixels.size)
    copy.paste(pixels)
    return copy
