"""The text and objects of a PDF file, read by another library than the one that wrote it."""

from functools import lru_cache
from io import BytesIO
from typing import Any

from pypdf import PdfReader


def reader(content: bytes) -> PdfReader:
    return PdfReader(BytesIO(content))


@lru_cache(maxsize=4)
def text_of(content: bytes) -> str:
    """Return the text of all pages on one line, with ordinary spaces only."""
    pages = (page.extract_text() for page in reader(content).pages)
    return " ".join(" ".join(pages).split())


def objects_of(content: bytes) -> list[Any]:
    """Return every object of the file."""
    pdf = reader(content)
    return [pdf.get_object(number) for number in range(1, len(pdf.xref_objStm) + len(pdf.xref.get(0, {})) + 1)]
