"""Pages of a PDF as pictures, for a screen: what is shown is what is printed."""

import io
import threading

import pypdfium2

SCREEN_WIDTH = 900  # pixels

# PDFium is not safe to share between threads.
_one_at_a_time = threading.Lock()


def pictures(pdf: bytes, *, most: int) -> list[bytes]:
    """Return the first pages as PNG, up to `most` of them."""
    with _one_at_a_time:
        document = pypdfium2.PdfDocument(pdf)
        try:
            return [_picture(document[place]) for place in range(min(len(document), most))]
        finally:
            document.close()


def _picture(page: pypdfium2.PdfPage) -> bytes:
    drawn = page.render(scale=SCREEN_WIDTH / page.get_width())
    out = io.BytesIO()
    drawn.to_pil().save(out, "PNG")
    drawn.close()
    page.close()
    return out.getvalue()
