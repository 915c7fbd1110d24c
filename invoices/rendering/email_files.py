"""The PDF files of invoices as attachments of emails."""

from collections.abc import Sequence

from invoices.models import Rendering
from invoices.rendering.downloads import file_name


def read_email_files(invoice_ids: Sequence[int]) -> dict[int, tuple[str, bytes]]:
    """Return invoice id → file name and content, of those that are rendered (the setting EMAIL_FILES)."""
    rendered = Rendering.objects.filter(invoice__in=invoice_ids, content__isnull=False).select_related("invoice")
    return {
        rendering.invoice_id: (file_name(rendering.invoice), bytes(rendering.content or b""))
        for rendering in rendered
    }
