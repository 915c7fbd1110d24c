"""
An invoice as UN/CEFACT Cross Industry Invoice (D22B), the syntax of Factur-X.

The order of elements is the schema's.
"""

from datetime import date

from invoices.rendering.einvoice.model import (
    SPECIFICATION,
    Days,
    DocumentAllowance,
    EInvoice,
    EInvoiceLine,
    EInvoiceParty,
    PaymentInstructions,
    TaxCategory,
    TaxTotal,
)
from invoices.rendering.einvoice.xml_elements import Markup, compact_day, el, money, number, root

NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
DISCOUNT = "95"  # UNCL 5189


def to_cii(invoice: EInvoice) -> bytes:
    """Return the invoice as XML."""
    return root(
        "rsm:CrossIndustryInvoice",
        el(
            "rsm:ExchangedDocumentContext",
            el("ram:GuidelineSpecifiedDocumentContextParameter", el("ram:ID", SPECIFICATION)),
        ),
        el(
            "rsm:ExchangedDocument",
            el("ram:ID", invoice.number),
            el("ram:TypeCode", invoice.type_code),
            el("ram:IssueDateTime", _day(invoice.issued)),
            *(el("ram:IncludedNote", el("ram:Content", note)) for note in invoice.notes),
        ),
        el(
            "rsm:SupplyChainTradeTransaction",
            *(_item(item) for item in invoice.lines),
            _agreement(invoice),
            _delivery(invoice.days),
            _settlement(invoice),
        ),
        namespaces=NAMESPACES,
    )


def _day(day: date) -> Markup:
    return el("udt:DateTimeString", compact_day(day), format="102")


def _days(days: Days) -> Markup:
    first, last = days
    return el("ram:BillingSpecifiedPeriod", el("ram:StartDateTime", _day(first)), el("ram:EndDateTime", _day(last)))


def _percent(category: TaxCategory) -> Markup:
    return el("ram:RateApplicablePercent", "" if category.percent is None else number(category.percent))


def _category(tag: str, category: TaxCategory) -> Markup:
    return el(tag, el("ram:TypeCode", "VAT"), el("ram:CategoryCode", category.code), _percent(category))


def _item(item: EInvoiceLine) -> Markup:
    return el(
        "ram:IncludedSupplyChainTradeLineItem",
        el(
            "ram:AssociatedDocumentLineDocument",
            el("ram:LineID", str(item.number)),
            el("ram:IncludedNote", el("ram:Content", item.note)),
        ),
        el(
            "ram:SpecifiedTradeProduct",
            el("ram:Name", item.name),
            el(
                "ram:ApplicableProductCharacteristic",
                el("ram:Description", "Unit" if item.unit_name else ""),
                el("ram:Value", item.unit_name),
            ),
        ),
        el(
            "ram:SpecifiedLineTradeAgreement",
            el(
                "ram:NetPriceProductTradePrice",
                el("ram:ChargeAmount", number(item.price)),
                el("ram:BasisQuantity", number(item.base_quantity), unitCode=item.unit_code),
            ),
        ),
        el(
            "ram:SpecifiedLineTradeDelivery", el("ram:BilledQuantity", number(item.quantity), unitCode=item.unit_code)
        ),
        el(
            "ram:SpecifiedLineTradeSettlement",
            _category("ram:ApplicableTradeTax", item.category),
            _days(item.days),
            el("ram:SpecifiedTradeSettlementLineMonetarySummation", el("ram:LineTotalAmount", money(item.amount))),
        ),
    )


def _agreement(invoice: EInvoice) -> Markup:
    return el(
        "ram:ApplicableHeaderTradeAgreement",
        _party("ram:SellerTradeParty", invoice.seller),
        _party("ram:BuyerTradeParty", invoice.buyer),
        el("ram:BuyerOrderReferencedDocument", el("ram:IssuerAssignedID", invoice.purchase_order)),
    )


def _party(tag: str, side: EInvoiceParty) -> Markup:
    party = side.party
    return el(
        tag,
        el("ram:Name", party.legal_name),
        el("ram:SpecifiedLegalOrganization", el("ram:ID", side.registration)),
        el(
            "ram:DefinedTradeContact",
            el("ram:EmailURIUniversalCommunication", el("ram:URIID", party.email)),
        ),
        el(
            "ram:PostalTradeAddress",
            el("ram:PostcodeCode", party.postal_code),
            el("ram:LineOne", party.address_line1),
            el("ram:LineTwo", party.address_line2),
            el("ram:CityName", party.city),
            el("ram:CountryID", party.country),
            el("ram:CountrySubDivisionName", party.region),
        ),
        el("ram:SpecifiedTaxRegistration", el("ram:ID", side.vat_id, schemeID="VA")),
        el("ram:SpecifiedTaxRegistration", el("ram:ID", side.tax_id, schemeID="FC")),
    )


def _delivery(days: Days) -> Markup:
    """Return the completion of the supply (BT-72): the last day of the billed time."""
    _, last = days
    occurred = el("ram:OccurrenceDateTime", _day(last))
    return el("ram:ApplicableHeaderTradeDelivery", el("ram:ActualDeliverySupplyChainEvent", occurred))


def _settlement(invoice: EInvoice) -> Markup:
    return el(
        "ram:ApplicableHeaderTradeSettlement",
        el("ram:PaymentReference", invoice.payment.reference if invoice.payment else ""),
        el("ram:InvoiceCurrencyCode", invoice.currency),
        _payment(invoice.payment),
        *(_tax(tax_total) for tax_total in invoice.taxes),
        _days(invoice.days),
        *(_allowance(tax_total) for tax_total in invoice.allowances),
        el(
            "ram:SpecifiedTradePaymentTerms",
            el("ram:Description", invoice.terms),
            el("ram:DueDateDateTime", _day(invoice.due_date)) if invoice.due_date else "",
        ),
        _sums(invoice),
        _preceding(invoice),
    )


def _payment(payment: PaymentInstructions | None) -> Markup:
    if payment is None:
        return Markup("")
    return el(
        "ram:SpecifiedTradeSettlementPaymentMeans",
        el("ram:TypeCode", payment.means),
        el(
            "ram:PayeePartyCreditorFinancialAccount",
            el("ram:IBANID", payment.iban),
            el("ram:AccountName", payment.holder),
        ),
        el("ram:PayeeSpecifiedCreditorFinancialInstitution", el("ram:BICID", payment.bic)),
    )


def _tax(tax: TaxTotal) -> Markup:
    return el(
        "ram:ApplicableTradeTax",
        el("ram:CalculatedAmount", money(tax.amount)),
        el("ram:TypeCode", "VAT"),
        el("ram:ExemptionReason", tax.category.reason),
        el("ram:BasisAmount", money(tax.taxable)),
        el("ram:CategoryCode", tax.category.code),
        el("ram:ExemptionReasonCode", tax.category.reason_code),
        _percent(tax.category),
    )


def _allowance(allowance: DocumentAllowance) -> Markup:
    return el(
        "ram:SpecifiedTradeAllowanceCharge",
        el("ram:ChargeIndicator", el("udt:Indicator", "false")),
        el("ram:ActualAmount", money(allowance.amount)),
        el("ram:ReasonCode", DISCOUNT),
        el("ram:Reason", allowance.reason),
        _category("ram:CategoryTradeTax", allowance.category),
    )


def _sums(invoice: EInvoice) -> Markup:
    return el(
        "ram:SpecifiedTradeSettlementHeaderMonetarySummation",
        el("ram:LineTotalAmount", money(invoice.line_total)),
        el("ram:AllowanceTotalAmount", money(invoice.allowance_total) if invoice.allowances else ""),
        el("ram:TaxBasisTotalAmount", money(invoice.net)),
        el("ram:TaxTotalAmount", money(invoice.tax), currencyID=invoice.currency),
        el("ram:GrandTotalAmount", money(invoice.total)),
        el("ram:TotalPrepaidAmount", money(invoice.prepaid) if invoice.prepaid else ""),
        el("ram:DuePayableAmount", money(invoice.due)),
    )


def _preceding(invoice: EInvoice) -> Markup:
    if invoice.preceding is None:
        return Markup("")
    number, day = invoice.preceding
    return el(
        "ram:InvoiceReferencedDocument",
        el("ram:IssuerAssignedID", number),
        el("ram:FormattedIssueDateTime", el("qdt:DateTimeString", compact_day(day), format="102")),
    )
