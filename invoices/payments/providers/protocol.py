"""What is asked of a provider, and what it may answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

SUCCEEDED, DECLINED, PENDING, CANCELED = "succeeded", "declined", "pending", "canceled"


class Unclear(Exception):
    """Nobody knows whether it was done: the line broke, or the provider failed. It is looked up first, then sent."""


class Misconfigured(Exception):
    """It was not done, and will not be until somebody mends our settings or our account; the text says what."""


@dataclass(frozen=True, slots=True)
class Order:
    """
    An attempt as a provider gets it.

    key: of the attempt's row: what the provider knows repeated requests by. amount: in the currency's major unit.
    account, payment_method: the provider's names of who pays, and by what. ref: its name of the attempt, if it gave one.
    of: of a refund, its name of the charge. described: what the customer reads, such as an invoice's number.
    sent_at: when it was first sent. at: now.
    """

    key: UUID
    amount: Decimal
    currency: str
    described: str
    sent_at: datetime
    at: datetime
    account: str = ""
    payment_method: str = ""
    ref: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What a provider says of an attempt.

    state: succeeded, declined, canceled, or pending while it is not decided. ref: its name of the attempt.
    code, reason: why it was declined, for machines and for people. page, closes_at: where to pay, and until when.
    """

    state: str
    ref: str = ""
    code: str = ""
    reason: str = ""
    page: str = ""
    closes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """
    A charge or refund as a provider's own list has it. kind: charge or refund. key: of our row, where it names one.
    """

    kind: str
    ref: str
    key: str
    state: str
    amount: Decimal
    currency: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class SeenPaymentMethod:
    """A card or bank account that a provider keeps for a customer. expires: year and month."""

    ref: str
    label: str
    expires: tuple[int, int] | None = None


class Provider(Protocol):
    """
    Takes money and gives it back.

    Every verb may be called again with the same order and has one effect. Each raises Unclear if nobody knows what
    came of it, and Misconfigured if it was refused for a reason that is ours.
    """

    def charge(self, order: Order) -> Answer:
        """Charge a payment method, its owner not being there."""

    def open_page(self, order: Order, *, back_to: str) -> Answer:
        """Make a page on which the customer pays, and which leads back to an address of ours."""

    def close_page(self, order: Order) -> Answer:
        """Let nobody pay on a page any more, and say what came of it."""

    def find(self, order: Order) -> Answer | None:
        """Say what came of a charge; None if there is none."""

    def refund(self, order: Order) -> Answer:
        """Give some of a charge back."""

    def find_refund(self, order: Order) -> Answer | None:
        """Say what came of a refund; None if there is none."""

    def make_account(self, *, key: str, name: str, email: str) -> str:
        """Return the name under which a customer is known from now on; key: of our own."""

    def setup_page(self, *, account: str, key: str, back_to: str) -> str:
        """Return a page on which a customer agrees to be charged by a card or bank account."""

    def payment_methods(self, account: str) -> list[SeenPaymentMethod]:
        """Return what a customer can be charged by."""

    def forget(self, payment_method: str) -> None:
        """Forget a payment method."""

    def seen_between(self, start: datetime, end: datetime) -> Iterator[Seen]:
        """Yield every charge and refund of ours that was made in [start, end)."""
