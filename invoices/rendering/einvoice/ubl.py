"""
An invoice as UBL 2.1: an Invoice or a CreditNote of OASIS.

The order of elements is the schema's.
"""

from decimal import Decimal

from invoices.rendering.einvoice.cii import DISCOUNT
from invoices.rendering.einvoice.model import (
    SPECIFICATION,
    Days,
    DocumentAllowance,
    EInvoice,
    EInvoiceLine,
    EInvoiceParty,
    TaxCategory,
    TaxTotal,
)
from invoices.rendering.einvoice.xml_elements import Markup, el, money, number, root

COMMON = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
DOCUMENT = "urn:oasis:names:specification:ubl:schema:xsd:{}-2"
VAT = Markup("<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>")
OTHER_TAX = Markup("<cac:TaxScheme><cbc:ID>TAX</cbc:ID></cac:TaxScheme>")


def to_ubl(invoice: EInvoice) -> bytes:
    """Return the invoice as XML."""
    name = "CreditNote" if invoice.is_credit_note else "Invoice"
    return root(
        name,
        el("cbc:CustomizationID", SPECIFICATION),
        el("cbc:ID", invoice.number),
        el("cbc:IssueDate", invoice.issued.isoformat()),
        el("cbc:DueDate", invoice.due_date.isoformat() if invoice.due_date else ""),
        el(f"cbc:{name}TypeCode", invoice.type_code),
        *(el("cbc:Note", note) for note in invoice.notes),
        el("cbc:DocumentCurrencyCode", invoice.currency),
        _days(invoice.days),
        el("cac:OrderReference", el("cbc:ID", invoice.purchase_order)),
        _preceding(invoice),
        el("cac:AccountingSupplierParty", _party(invoice.seller)),
        el("cac:AccountingCustomerParty", _party(invoice.buyer)),
        el("cac:Delivery", el("cbc:ActualDeliveryDate", invoice.days[1].isoformat())),
        _payment(invoice),
        el("cac:PaymentTerms", el("cbc:Note", invoice.terms)),
        *(_allowance(allowance, invoice.currency) for allowance in invoice.allowances),
        _taxes(invoice),
        _sums(invoice),
        *(_item(item, invoice) for item in invoice.lines),
        namespaces={"": DOCUMENT.format(name), **COMMON},
    )


def _money(tag: str, amount: Decimal, currency: str) -> Markup:
    return el(tag, money(amount), currencyID=currency)


def _days(days: Days) -> Markup:
    first, last = days
    return el("cac:InvoicePeriod", el("cbc:StartDate", first.isoformat()), el("cbc:EndDate", last.isoformat()))


def _preceding(invoice: EInvoice) -> Markup:
    if invoice.preceding is None:
        return Markup("")
    number, day = invoice.preceding
    document = el("cac:InvoiceDocumentReference", el("cbc:ID", number), el("cbc:IssueDate", day.isoformat()))
    return el("cac:BillingReference", document)


def _party(side: EInvoiceParty) -> Markup:
    party = side.party
    return el(
        "cac:Party",
        el(
            "cac:PostalAddress",
            el("cbc:StreetName", party.address_line1),
            el("cbc:AdditionalStreetName", party.address_line2),
            el("cbc:CityName", party.city),
            el("cbc:PostalZone", party.postal_code),
            el("cbc:CountrySubentity", party.region),
            el("cac:Country", el("cbc:IdentificationCode", party.country)),
        ),
        *(
            el("cac:PartyTaxScheme", el("cbc:CompanyID", registration_id), scheme)
            for registration_id, scheme in ((side.vat_id, VAT), (side.tax_id, OTHER_TAX))
            if registration_id
        ),
        el(
            "cac:PartyLegalEntity",
            el("cbc:RegistrationName", party.legal_name),
            el("cbc:CompanyID", side.registration),
        ),
        el("cac:Contact", el("cbc:ElectronicMail", party.email)),
    )


def _payment(invoice: EInvoice) -> Markup:
    if (payment := invoice.payment) is None:
        return Markup("")
    return el(
        "cac:PaymentMeans",
        el("cbc:PaymentMeansCode", payment.means),
        el("cbc:PaymentID", payment.reference),
        el(
            "cac:PayeeFinancialAccount",
            el("cbc:ID", payment.iban),
            el("cbc:Name", payment.holder),
            el("cac:FinancialInstitutionBranch", el("cbc:ID", payment.bic)),
        ),
    )


def _category(tag: str, category: TaxCategory, *, is_reasoned: bool = False) -> Markup:
    return el(
        tag,
        el("cbc:ID", category.code),
        el("cbc:Percent", "" if category.percent is None else number(category.percent)),
        el("cbc:TaxExemptionReasonCode", category.reason_code if is_reasoned else ""),
        el("cbc:TaxExemptionReason", category.reason if is_reasoned else ""),
        VAT,
    )


def _allowance(allowance: DocumentAllowance, currency: str) -> Markup:
    return el(
        "cac:AllowanceCharge",
        el("cbc:ChargeIndicator", "false"),
        el("cbc:AllowanceChargeReasonCode", DISCOUNT),
        el("cbc:AllowanceChargeReason", allowance.reason),
        _money("cbc:Amount", allowance.amount, currency),
        _category("cac:TaxCategory", allowance.category),
    )


def _taxes(invoice: EInvoice) -> Markup:
    return el(
        "cac:TaxTotal",
        _money("cbc:TaxAmount", invoice.tax, invoice.currency),
        *(_tax(tax_total, invoice.currency) for tax_total in invoice.taxes),
    )


def _tax(tax: TaxTotal, currency: str) -> Markup:
    return el(
        "cac:TaxSubtotal",
        _money("cbc:TaxableAmount", tax.taxable, currency),
        _money("cbc:TaxAmount", tax.amount, currency),
        _category("cac:TaxCategory", tax.category, is_reasoned=True),
    )


def _sums(invoice: EInvoice) -> Markup:
    currency = invoice.currency
    return el(
        "cac:LegalMonetaryTotal",
        _money("cbc:LineExtensionAmount", invoice.line_total, currency),
        _money("cbc:TaxExclusiveAmount", invoice.net, currency),
        _money("cbc:TaxInclusiveAmount", invoice.total, currency),
        _money("cbc:AllowanceTotalAmount", invoice.allowance_total, currency) if invoice.allowances else "",
        _money("cbc:PrepaidAmount", invoice.prepaid, currency) if invoice.prepaid else "",
        _money("cbc:PayableAmount", invoice.due, currency),
    )


def _item(item: EInvoiceLine, invoice: EInvoice) -> Markup:
    name = "Credited" if invoice.is_credit_note else "Invoiced"
    return el(
        "cac:CreditNoteLine" if invoice.is_credit_note else "cac:InvoiceLine",
        el("cbc:ID", str(item.number)),
        el("cbc:Note", item.note),
        el(f"cbc:{name}Quantity", number(item.quantity), unitCode=item.unit_code),
        _money("cbc:LineExtensionAmount", item.amount, invoice.currency),
        _days(item.days),
        el(
            "cac:Item",
            el("cbc:Name", item.name),
            _category("cac:ClassifiedTaxCategory", item.category),
            el(
                "cac:AdditionalItemProperty",
                el("cbc:Name", "Unit" if item.unit_name else ""),
                el("cbc:Value", item.unit_name),
            ),
        ),
        el(
            "cac:Price",
            el("cbc:PriceAmount", number(item.price), currencyID=invoice.currency),
            el("cbc:BaseQuantity", number(item.base_quantity), unitCode=item.unit_code),
        ),
    )
