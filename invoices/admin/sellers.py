"""A seller's page with a sample invoice, rendered from the form's values, saved or not."""

from base64 import b64encode
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.admin.brand import SellerForm
from customers.admin.sellers import SellerAdmin
from customers.models import Logo, Seller
from invoices.admin.merchant_account import SetMerchantAccount
from invoices.documents.seller_terms import seller_facts
from invoices.models import TaxRate
from invoices.rendering.einvoice.conversion import to_einvoice
from invoices.rendering.einvoice.model import EInvoiceImpossible
from invoices.rendering.facts_reader import branding
from invoices.rendering.invoice_facts import InvoiceFacts
from invoices.rendering.pdf_file import MissingFont, render
from invoices.rendering.pictures import draw_pages
from invoices.rendering.sample_invoice import sample_invoice, sample_usage
from invoices.rendering.wallet_facts import WalletStatement
from lib.admin import page_url, row_action
from lib.admin.staff_admin import FurtherPages
from lib.locales import document_locale
from lib.money import UnknownCurrency

# Pages of the sample that are drawn as pictures within the request.
MAX_PAGES = 4


class SellerSample(SellerAdmin):
    """A part of the seller page (config/admin_site/pages.py)."""

    merchant_account = SetMerchantAccount.as_action()

    further_pages: FurtherPages = (
        ("preview/", "preview_view", "customers_seller_preview_new"),
        ("<int:pk>/preview/", "preview_view", "customers_seller_preview"),
    )

    def sample_wallets(self, facts: InvoiceFacts) -> tuple[WalletStatement, ...]:
        """Return the sample's wallet statements: none, unless another part of the page adds them."""
        return ()

    def preview_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Render the sample with the form's values; report each invalid field and use its stored value."""
        seller = None if pk is None else get_object_or_404(Seller, pk=pk)
        if not (self.has_change_permission(request, seller) if seller else self.has_add_permission(request)):
            raise PermissionDenied
        form = self.get_form(request, seller, change=seller is not None)(request.POST, request.FILES, instance=seller)
        form.is_valid()
        edited_seller = form.instance
        logo = form.chosen_logo() if isinstance(form, SellerForm) else None
        problems = [
            f"{form.fields[name].label}: {texts[0]}" if name in form.fields else texts[0]
            for name, texts in form.errors.items()
        ]
        context = {"problems": problems, **self._preview_pages(edited_seller, logo)}
        return TemplateResponse(request, "staff/customers/seller_preview_result.html", context)

    @row_action(_("Sample PDF"), icon="picture_as_pdf", attrs={"target": "_blank"})
    def sample_pdf(self, request: HttpRequest, seller: Seller) -> HttpResponse:
        """Show a sample invoice with the seller's stored values."""
        facts = _sample_facts(seller, seller.logo)
        try:
            content = self._render_sample(facts)
        except (MissingFont, EInvoiceImpossible) as reason:
            self.message_user(request, gettext("There is no PDF: %(reason)s") % {"reason": reason}, "warning")
            return HttpResponseRedirect(page_url(seller))
        return HttpResponse(
            content,
            content_type="application/pdf",
            headers={"Content-Disposition": 'inline; filename="sample.pdf"'},
        )

    def _preview_pages(self, seller: Seller, logo: Logo | None) -> dict[str, Any]:
        try:
            facts = _sample_facts(seller, logo)
            verdict = _einvoice_verdict(facts)
            content = self._render_sample(facts)
        except (MissingFont, EInvoiceImpossible, UnknownCurrency) as reason:
            return {"refusal": str(reason)}
        pages = [b64encode(picture).decode() for picture in draw_pages(content, most=MAX_PAGES)]
        return {"pages": pages, "verdict": verdict}

    def _render_sample(self, facts: InvoiceFacts) -> bytes:
        usage = sample_usage() if facts.branding.shows_usage else ()
        return render(facts, usage, self.sample_wallets(facts) if facts.branding.shows_wallets else ())


def _sample_facts(seller: Seller, logo: Logo | None) -> InvoiceFacts:
    facts = seller_facts(seller)
    content = bytes(logo.content) if logo is not None else b""
    language = document_locale(str(facts["locale"])).language
    look = branding({**facts, "logo_id": None}, language=language, logo=content)
    return sample_invoice(
        facts, look, currency=str(seller.currency).upper(), net_days=seller.net_days or 0, rate=_rate(seller)
    )


def _rate(seller: Seller) -> TaxRate | None:
    """Return the tax rate that the seller charges customers in its own country today."""
    if seller.pk is None:
        return None
    in_force = TaxRate.objects.in_force(timezone.now().date()).filter(seller=seller)
    return in_force.filter(country=seller.country).first() or in_force.filter(country="").first()


def _einvoice_verdict(facts: InvoiceFacts) -> str:
    if facts.branding.e_invoices == "never":
        return ""
    try:
        to_einvoice(facts)
    except EInvoiceImpossible as reason:
        return gettext("This sample can't be an e-invoice. %(reason)s") % {"reason": reason}
    return gettext("This sample is also a valid e-invoice (EN 16931).")
