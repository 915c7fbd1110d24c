"""The statement of account of a customer: a page with its files."""

from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.admin.customers import CustomerAdmin
from customers.customer_time import current_time
from customers.models import Customer
from invoices.rendering.formats import Figures
from invoices.rendering.pdf_file import MissingFont
from invoices.statements.account_statement import AccountStatement
from invoices.statements.downloads import statement_pdf_response, statement_table_response
from invoices.statements.range_form import StatementRangeForm
from invoices.statements.statement_text import closing_sentence, statement_lines
from lib.admin import allowed_seller_ids, page_url, row_action, staff_page
from lib.locales import document_locale

STAFF_LOCALE = "en_US"


class CustomerStatement(CustomerAdmin):
    """A part of the customer page (config/admin_site/pages.py)."""

    @row_action(_("Statement of account"), icon="account_balance", permission="invoices.view_invoice")
    def account_statement(self, request: HttpRequest, customer: Customer) -> HttpResponseBase:
        """Show the statement of some days, or send it as a file: `?file=pdf`, `?file=csv`."""
        at = current_time(customer)
        form = StatementRangeForm(request.GET, customer=customer, at=at, seller_ids=allowed_seller_ids(request))
        statement = form.read()
        if statement is not None and request.GET.get("file") == "csv":
            return statement_table_response(statement)
        if statement is not None and request.GET.get("file") == "pdf":
            try:
                return statement_pdf_response(statement, at=at)
            except MissingFont as reason:
                messages.warning(request, gettext("There is no PDF: %(reason)s") % {"reason": reason})
                return HttpResponseRedirect(page_url(customer))
        return _page(request, customer, form, statement)


def _page(
    request: HttpRequest, customer: Customer, form: StatementRangeForm, statement: AccountStatement | None
) -> HttpResponse:
    context = {}
    if statement is not None:
        figures = Figures(document_locale(STAFF_LOCALE), statement.currency, ZoneInfo(statement.seller.time_zone))
        query = request.GET.copy()
        query.pop("file", None)
        context = {
            "lines": list(statement_lines(statement, figures)),
            "headline": closing_sentence(statement, figures),
            "totals": [(kind.label, figures.money(amount)) for kind, amount in statement.totals.items()],
            "query": query.urlencode(),
            "may_open": request.user.has_perm("invoices.view_invoice"),
        }
    return staff_page(
        request,
        "staff/invoices/account_statement.html",
        title=gettext("Statement of account: %(customer)s") % {"customer": customer},
        customer=customer,
        form=form,
        statement=statement,
        address=reverse("admin:customers_customer_account_statement", args=[customer.pk]),
        back=page_url(customer),
        **context,
    )
