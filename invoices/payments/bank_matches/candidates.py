"""The facts that a decision is made from."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceCandidate:
    """
    An issued invoice of the bank account's seller.

    sequence: the number within its series, without prefix and leading zeros. due: zero once it is paid.
    name: the customer's legal name.
    """

    invoice_id: int
    number: str
    sequence: int
    customer_id: int
    name: str
    currency: str
    total: Decimal
    due: Decimal
    is_payable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BankPayer:
    """
    Whom a line may come from.

    by_account: customers whose invoices this account paid before. by_name: customers of the seller whose legal name
    agrees with the payer's.
    """

    by_account: frozenset[int] = frozenset()
    by_name: frozenset[int] = frozenset()

    @property
    def customers(self) -> frozenset[int]:
        return self.by_account | self.by_name

    def agrees_with(self, customer_id: int) -> bool:
        return customer_id in self.customers

    def contradicts(self, customer_id: int) -> bool:
        """Return whether the payer is known, as other customers only."""
        return bool(self.customers) and customer_id not in self.customers


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedAmount:
    """The part of a line that a decision needs. text: the purpose, with the payer's own reference."""

    amount: Decimal
    currency: str
    text: str
    is_reversal: bool = False
