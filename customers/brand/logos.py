"""
Import of a seller's logo: decoded, bounded and encoded again, so that only a picture is stored.

Source: docs/rendering.md#branding.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from django.utils.translation import gettext as _
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
        raise LogoRefused(_("The image is larger than 2 MB. Reduce its size."))
    pixels = _decode(content)
    pixels.thumbnail(PRINTED, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    pixels.save(out, "PNG", optimize=True)
    encoded = out.getvalue()
    if len(encoded) > MAX_BYTES:
        raise LogoRefused(_("The image is too detailed for a logo. Use fewer colors or a smaller image."))
    return Logo(sha256=sha256(encoded).hexdigest(), content=encoded)


def store_logo(logo: Logo) -> Logo:
    """Store a logo; identical ones are stored once."""
    return Logo.objects.get_or_create(sha256=logo.sha256, defaults={"content": logo.content})[0]


def _decode(content: bytes) -> Image.Image:
    """Return the first frame's pixels in RGB, with transparency if the file has it."""
    try:
        with _rejecting_truncated_files(), Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise LogoRefused(_("The image has more than 16 million pixels. Reduce its size."))
            has_alpha = "A" in picture.getbands() or "transparency" in picture.info
            return _without_metadata(picture.convert("RGBA" if has_alpha else "RGB"))
    except LogoRefused:
        raise
    except Image.DecompressionBombError as error:
        raise LogoRefused(_("The image has more than 16 million pixels. Reduce its size.")) from error
    except UnidentifiedImageError as error:
        raise LogoRefused(_("Choose a PNG or JPEG image.")) from error
    except Exception as error:  # a broken file can make a decoder raise any error
        raise LogoRefused(_("The image is damaged. Save it again and upload the new file.")) from error


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
