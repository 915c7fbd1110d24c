"""Statements as HTTP downloads."""

from datetime import datetime

from django.http import HttpResponse, StreamingHttpResponse

from wallets.models import Wallet
from wallets.statements.files import as_csv, as_pdf
from wallets.statements.totals import Statement


def csv_answer(wallet: Wallet, statement: Statement, *, since: datetime, until: datetime) -> StreamingHttpResponse:
    """Return a statement as a CSV download."""
    headers = _headers(wallet, since, until, "csv")
    return StreamingHttpResponse(as_csv(wallet, statement), content_type="text/csv; charset=utf-8", headers=headers)


def pdf_answer(wallet: Wallet, statement: Statement, *, since: datetime, until: datetime) -> HttpResponse:
    """
    Return a statement as a PDF download; it is rendered at once, because it is one page.

    :raises NoFont: if a text of it can't be printed.
    """
    content = as_pdf(wallet, statement, since=since, until=until)
    return HttpResponse(content, content_type="application/pdf", headers=_headers(wallet, since, until, "pdf"))


def _headers(wallet: Wallet, since: datetime, until: datetime, kind: str) -> dict[str, str]:
    name = f"statement-{wallet.pk}-{since:%Y-%m-%d}-{until:%Y-%m-%d}.{kind}"
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
