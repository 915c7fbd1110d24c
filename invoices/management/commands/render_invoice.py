"""manage.py render_invoice INV-000042 --out invoice.pdf"""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from invoices.models import Invoice
from invoices.rendering import renderer
from lib.task_clock import database_time


class Command(BaseCommand):
    help = "Write the PDF file of an issued invoice; it is generated first if missing, even after failed attempts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", help="number of the invoice, such as INV-000042")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="path of the file")

    def handle(self, *, number: str, out: Path, **options: Any) -> None:
        invoice = Invoice.objects.filter(number=number).first()
        if invoice is None:
            raise CommandError(f"No invoice {number} exists.")
        try:
            rendering = renderer.render_one(invoice_id=invoice.pk, at=database_time(), insist=True)
        except renderer.NotRendered as error:
            raise CommandError(f"{number} could not be generated. {error}") from error
        out.write_bytes(bytes(rendering.content or b""))
        self.stdout.write(f"{out}: {out.stat().st_size:,} bytes, SHA-256 {rendering.sha256}")
