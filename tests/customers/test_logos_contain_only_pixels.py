"""A logo is decoded and drawn again: only pixels are stored, without any other content of the file."""

import io
import zlib
from hashlib import sha256

import pytest
from PIL import Image, PngImagePlugin

from customers.brand.logos import MAX_UPLOADED, LogoRefused, read_logo, store_logo
from customers.models import Logo
from tests.customers.pictures import picture

SECRET = "the-secret-of-this-file-8d1f"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


BOMB = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", (60_000).to_bytes(4) * 2 + b"\x08\x02\x00\x00\x00")
    + chunk(b"IDAT", zlib.compress(b""))
)

REFUSED = [
    # file                                            reason
    (SVG, "Choose a PNG or JPEG image"),
    (b"%PDF-1.7", "Choose a PNG or JPEG image"),
    (b"", "Choose a PNG or JPEG image"),
    (picture("GIF"), "Choose a PNG or JPEG image"),
    (picture("TIFF"), "Choose a PNG or JPEG image"),
    (picture("PNG")[:60], "damaged"),
    (picture("JPEG")[:400], "damaged"),
    (picture("PNG", size=(5_000, 4_000)), "more than 16 million"),
    (BOMB, "more than 16 million"),
    (b"x" * (MAX_UPLOADED + 1), "larger than 2 MB"),
]


@pytest.mark.parametrize(("content", "reason"), REFUSED)
def test_an_unprintable_file_is_rejected(content: bytes, reason: str):
    with pytest.raises(LogoRefused, match=reason):
        read_logo(content)


TAKEN = [
    # kind   mode    stored as
    ("PNG", "RGB", "RGB"),
    ("PNG", "RGBA", "RGBA"),
    ("PNG", "LA", "RGBA"),
    ("PNG", "P", "RGB"),
    ("PNG", "1", "RGB"),
    ("PNG", "I;16", "RGB"),
    ("JPEG", "RGB", "RGB"),
    ("JPEG", "L", "RGB"),
    ("JPEG", "CMYK", "RGB"),
]


@pytest.mark.parametrize(("kind", "mode", "stored_mode"), TAKEN)
def test_pictures_of_every_depth_are_stored_as_png(kind: str, mode: str, stored_mode: str):
    logo = read_logo(picture(kind, mode=mode))
    image = Image.open(io.BytesIO(logo.content))
    assert (image.format, image.mode, image.size) == ("PNG", stored_mode, (300, 90))
    assert logo.sha256 == sha256(logo.content).hexdigest()


def test_metadata_is_removed():
    metadata = PngImagePlugin.PngInfo()
    metadata.add_text("Comment", SECRET)
    uploaded = picture("PNG", pnginfo=metadata, exif=Image.Exif(), icc_profile=SECRET.encode()) + SECRET.encode()
    logo = read_logo(uploaded)
    assert SECRET.encode() in uploaded
    assert SECRET.encode() not in logo.content
    assert Image.open(io.BytesIO(logo.content)).info == {}


def test_a_large_picture_is_scaled_down_and_keeps_its_shape():
    logo = read_logo(picture("PNG", size=(4_000, 1_000)))
    assert Image.open(io.BytesIO(logo.content)).size == (1_200, 300)


@pytest.mark.django_db
def test_equal_pictures_are_stored_once():
    assert store_logo(read_logo(picture("PNG"))) == store_logo(read_logo(picture("PNG")))
    assert Logo.objects.count() == 1
