"""The statement of account, as a page and as files."""

from dataclasses import replace

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from customers.portal.visit import Visit, render_page, signed_in
from invoices.portal.formats import portal_figures
from invoices.rendering.pdf_file import MissingFont
from invoices.statements.downloads import statement_pdf_response, statement_table_response
from invoices.statements.range_form import StatementRangeForm
from invoices.statements.statement_text import closing_sentence, statement_lines


def _form(request: HttpRequest, visit: Visit) -> StatementRangeForm:
    return StatementRangeForm(request.GET, customer=visit.customer, at=visit.at)


@signed_in()
def account_statement(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    form = _form(request, visit)
    statement = form.read()
    context = {"form": form, "query": request.GET.urlencode()}
    if statement is not None:
        figures = replace(portal_figures(visit), currency=statement.currency)
        context |= {
            "statement": statement,
            "lines": list(statement_lines(statement, figures)),
            "headline": closing_sentence(statement, figures),
        }
    return render_page(request, visit, "account_statement.html", context)


@signed_in()
def account_statement_table(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    statement = _form(request, visit).read()
    return account_statement(request) if statement is None else statement_table_response(statement)


@signed_in()
def account_statement_file(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    statement = _form(request, visit).read()
    if statement is None:
        return account_statement(request)
    try:
        return statement_pdf_response(statement, at=visit.at)
    except MissingFont:
        return render_page(request, visit, "not_ready.html", {"invoice": ""}, status=503)
