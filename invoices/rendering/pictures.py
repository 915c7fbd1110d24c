"""Pages of a PDF as images, so that screens show exactly the printed pages."""

import io
import threading

import pypdfium2

SCREEN_WIDTH = 900  # pixels

# PDFium is not safe to share between threads.
_pdfium_lock = threading.Lock()


def draw_pages(pdf: bytes, *, most: int) -> list[bytes]:
    """Return the first pages as PNG, up to `most` of them."""
    with _pdfium_lock:
        document = pypdfium2.PdfDocument(pdf)
        try:
            return [_draw_page(document[page_index]) for page_index in range(min(len(document), most))]
        finally:
            document.close()


def _draw_page(page: pypdfium2.PdfPage) -> bytes:
    bitmap = page.render(scale=SCREEN_WIDTH / page.get_width())
    out = io.BytesIO()
    bitmap.to_pil().save(out, "PNG")
    bitmap.close()
    page.close()
    return out.getvalue()
