"""Statements of account as downloads."""

from datetime import datetime

from django.http import HttpResponse, StreamingHttpResponse

from invoices.statements.account_statement import AccountStatement
from invoices.statements.statement_file import render_statement
from invoices.statements.statement_text import file_stem, table_rows
from lib.csv_export import csv_download


def statement_table_response(statement: AccountStatement) -> StreamingHttpResponse:
    """Return the statement as a CSV file."""
    return csv_download(table_rows(statement), file_name=f"{file_stem(statement)}.csv")


def statement_pdf_response(statement: AccountStatement, *, at: datetime) -> HttpResponse:
    """
    Return the statement as a PDF, which is made at once.

    :raises MissingFont: if a text of it can't be printed.
    """
    name = f'attachment; filename="{file_stem(statement)}.pdf"'
    headers = {"Content-Disposition": name, "Cache-Control": "private, no-store"}
    return HttpResponse(render_statement(statement, at=at), content_type="application/pdf", headers=headers)
