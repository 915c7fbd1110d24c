"""The lines of bank statements: their list, and the page on which one is booked."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from invoices.admin.bank.line_actions import BookLineAction, IgnoreLine, UndoLine
from invoices.admin.bank.suggestion_display import review_lines, search_invoices
from invoices.models import BankLine
from invoices.models.bank_statements import BankLineState
from lib.admin import ReadOnlyAdmin, is_allowed
from lib.admin.columns import column, money_column, state_column
from lib.formats import format_money

STATE_COLORS = {"new": "info", "booked": "success", "review": "warning"}
MAX_SEARCH = 100


@admin.register(BankLine)
class BankLineAdmin(ReadOnlyAdmin):
    seller_paths = ("account__seller",)
    empty_text = _("The lines of imported bank statements appear here.")
    list_display = ("name", "payer_name", "text_shown", "state_shown", "amount_shown", "reason")
    list_filter = ("state", "value_date", "account", "currency")
    list_select_related = ("account__seller", "statement", "customer")
    search_fields = ("payer_name", "text", "bank_reference", "payer_account")
    search_help_text = _("Part of the payer's name, account, the purpose or the bank's reference")
    actions_detail = ("book", "ignore", "undo")
    has_form = False
    change_form_outer_before_template = "staff/invoices/bank_line.html"

    book = BookLineAction.as_action()
    ignore = IgnoreLine.as_action()
    undo = UndoLine.as_action()

    name = column(_("Bank line"), str, ordering="value_date")
    state_shown = state_column(STATE_COLORS)
    amount_shown = money_column("amount", _("Amount"), ordering="amount")
    text_shown = column(_("Purpose"), lambda line: line.text[:80])

    def page_context(self, request: HttpRequest, line: BankLine) -> dict[str, Any]:
        """Add the suggestions of a line for review, what a search finds, and the bookings."""
        search = request.GET.get("q", "").replace("\x00", "").strip()[:MAX_SEARCH]
        may_book = line.state == BankLineState.REVIEW and is_allowed(request, BookLineAction.permission)
        bookings = line.bookings.select_related("invoice", "payment", "entry").order_by("number")
        return {
            "line": line,
            "amount": format_money(abs(line.amount), str(line.currency)),
            "may_book": may_book,
            "suggestions": review_lines([line])[0].suggestions if may_book and not search else [],
            "search": search,
            "results": search_invoices(line, search) if may_book and search else [],
            "bookings": [(booking, format_money(booking.amount, str(line.currency))) for booking in bookings],
        }
