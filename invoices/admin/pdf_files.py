"""Filter invoices by the state of their PDF file."""

from django.db.models import Exists, OuterRef, Q

from invoices.models import Rendering
from invoices.models.invoices import InvoiceState
from lib.admin import ConditionFilter


class PdfFilter(ConditionFilter):
    """The state of the invoices' PDF files."""

    title = "PDF"
    parameter_name = "file"

    def conditions(self) -> dict[str, tuple[str, Q | Exists]]:
        renderings = Rendering.objects.filter(invoice=OuterRef("pk"))
        has_file, is_issued = Exists(renderings.filter(content__isnull=False)), ~Q(state=InvoiceState.DRAFT)
        return {
            "done": ("made", has_file),
            "missing": ("not there", ~has_file & is_issued),
            "waiting": ("not made yet", ~Exists(renderings) & is_issued),
            "failed": ("could not be made", Exists(renderings.filter(content__isnull=True))),
        }
