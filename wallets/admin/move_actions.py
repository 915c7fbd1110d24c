"""Actions that move units: previewed by a dry run, and carried out once however often they are sent."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.formats import date_format
from unfold.enums import ActionVariant

from customers.customer_time import current_time
from lib.admin import ConfirmedAction, Response, Subject, page_url, staff_page
from wallets.admin.action_forms import ExtendForm, GrantForm, MoveForm, TakeOutForm, TransferForm
from wallets.credit_rules.units import InvalidAmount
from wallets.ledger.adjustments import extend, refund, transfer, void
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.grant import Grant
from wallets.ledger.locked_wallets import WalletNotFound
from wallets.models import Lot, Wallet
from wallets.operations.dry_run import WalletEffect, dry_run
from wallets.operations.manual_grants import grant_manually
from wallets.statements.formats import shown


class MoveAction(ConfirmedAction[Subject]):
    """An action on a wallet or a lot. facts: what is true of it, whichever the choices."""

    facts: Sequence[str]
    form_class: type[MoveForm]
    refusals = (InvalidAmount, LedgerRefused)

    effect: dict[str, Any] | None = None

    @property
    def wallet(self) -> Wallet:
        raise NotImplementedError

    def heading(self) -> str:
        """Return the title of the page."""
        return self.title.format(self.subject)

    def move(self, *, at: datetime, by: Any) -> None:
        """Carry out the action."""
        raise NotImplementedError

    def success(self) -> str:
        """Return what is reported of the action once it is done."""
        raise NotImplementedError

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments that every operation takes."""
        return {"reference": f"staff:{self.choices['key']}", "reason": self.choices["_reason"]}

    def wallet_ids(self) -> list[int]:
        """Return the wallets that the action changes."""
        return [self.wallet.pk]

    def make_form(self, subject: Subject) -> MoveForm:
        return self.form_class(self.posted, subject=subject)

    def run(self, subject: Subject) -> Response:
        at = current_time(self.wallet.customer)
        try:
            if "_do" in self.request.POST:
                self.move(at=at, by=self.user)
                return self.done(self.success(), to=self.wallet)
            self.effect = self.describe(dry_run(lambda: self.move(at=at, by=self.user), wallet_ids=self.wallet_ids()))
        except WalletNotFound as refused:
            self.refuse(f"{refused} It was closed.")
        return None

    def field_of(self, refusal: Exception) -> str | None:
        return "amount" if isinstance(refusal, InvalidAmount) else super().field_of(refusal)

    def show(self) -> HttpResponseBase:
        return staff_page(
            self.request,
            "staff/wallets/wallet_action.html",
            title=self.heading(),
            facts=self.facts,
            form=self.form,
            media=self.page.media + self.form.media,
            verb=self.label,
            danger=self.danger,
            effect=self.effect,
            back=page_url(self.wallet),
        )

    def describe(self, effect: WalletEffect) -> dict[str, Any]:
        """Return the effect for the page."""
        sentences = [] if effect.entries else ["It has been done already: nothing moves again."]
        return {"sentences": sentences, **effect._asdict()}


# On a wallet --------------------------------------------------------------------------------------------------------


class WalletMove(MoveAction[Wallet]):
    """An action on the units of a wallet."""

    @property
    def wallet(self) -> Wallet:
        return self.subject

    def success(self) -> str:
        return f"{self.label}: {shown(self.choices['amount'], self.wallet.unit)}."


class GrantCredits(WalletMove):
    label, icon, variant = "Grant", "add", ActionVariant.PRIMARY
    permission = "wallets.grant_credits"
    form_class = GrantForm
    title = "Grant into {}"
    facts = (
        "It pays first what the wallet owes, unless it is kept for one feature.",
        "What is sold comes with its purchase, and what is included with its period: here it is given.",
    )
    is_offered = staticmethod(lambda wallet: wallet.closed_at is None)

    def move(self, *, at: datetime, by: Any) -> None:
        cleaned, feature = self.choices, self.choices["feature"]
        terms = Grant(
            cleaned["kind"],
            cleaned["amount"],
            self.arguments["reference"],
            expires_at=cleaned["expires_at"],
            features=[feature.pk] if feature else (),
        )
        grant_manually(wallet=self.wallet, terms=terms, reason=cleaned["_reason"], at=at, by=by)


class TransferCredits(WalletMove):
    label, icon = "Transfer", "swap_horiz"
    permission = "wallets.transfer_credits"
    form_class = TransferForm
    title = "Transfer from {}"
    facts = ("Lots go in the order in which they would be spent, each on its own conditions and with its cost.",)
    is_offered = staticmethod(lambda wallet: wallet.closed_at is None and wallet.balance > 0)

    def wallet_ids(self) -> list[int]:
        return [self.wallet.pk, self.choices["to"].pk]

    def move(self, *, at: datetime, by: Any) -> None:
        to, amount = self.choices["to"].pk, self.choices["amount"]
        transfer(from_id=self.wallet.pk, to_id=to, amount=amount, **self.arguments, at=at, by=by)


# On a lot -----------------------------------------------------------------------------------------------------------


class LotMove(MoveAction[Lot]):
    """An action on the units of a lot."""

    is_offered = staticmethod(lambda lot: lot.remaining > lot.held and lot.wallet.closed_at is None)

    @property
    def wallet(self) -> Wallet:
        return self.subject.wallet

    def heading(self) -> str:
        return f"{self.label} {shown(self.subject.remaining, self.wallet.unit)} of {self.wallet}"

    def success(self) -> str:
        return f"Done: {self.label.lower()} of lot {self.subject.pk}."


class VoidLot(LotMove):
    """Void units of the lot without paying for them."""

    label, icon, variant = "Void", "block", ActionVariant.DANGER
    permission = "wallets.void_lot"
    danger = True
    form_class = TakeOutForm
    facts = ("The units leave the wallet at once, and nothing is paid back.", "It cannot be undone: grant anew.")

    def move(self, *, at: datetime, by: Any) -> None:
        void(lot_id=self.subject.pk, amount=self.choices["amount"], **self.arguments, at=at, by=by)


class RefundLot(LotMove):
    """Refund units of the lot: they are voided, and their cost is paid back."""

    label, icon = "Refund", "undo"
    permission = "wallets.refund_lot"
    danger = True
    form_class = TakeOutForm
    facts = ("The units leave the wallet at once.", "What they cost is to be paid back; no money moves here.")
    is_offered = staticmethod(lambda lot: LotMove.is_offered(lot) and lot.cost > 0)

    def move(self, *, at: datetime, by: Any) -> None:
        refund(lot_id=self.subject.pk, amount=self.choices["amount"], **self.arguments, at=at, by=by)

    def describe(self, effect: WalletEffect) -> dict[str, Any]:
        described = super().describe(effect)
        if effect.entries:
            paid_back = shown(-sum((entry.money for entry in effect.entries), Decimal(0)), str(self.wallet.currency))
            described["sentences"] = [f"{paid_back} before tax are to be paid back to the customer."]
        return described


class ExtendLot(LotMove):
    """Extend the lot's expiry, or remove it."""

    label, icon = "Extend", "update"
    permission = "wallets.extend_lot"
    form_class = ExtendForm
    facts = ("What is left can be used for longer. A lot can be made to last longer, never shorter.",)
    is_offered = staticmethod(lambda lot: LotMove.is_offered(lot) and lot.expires_at is not None and not lot.expired)

    def move(self, *, at: datetime, by: Any) -> None:
        lot, expires_at = Lot.objects.get(pk=self.subject.pk), self.choices["expires_at"]
        if lot.expires_at != expires_at:  # a second submit finds it done
            extend(lot_id=lot.pk, expires_at=expires_at, reason=self.choices["_reason"], at=at, by=by)

    def describe(self, effect: WalletEffect) -> dict[str, Any]:
        current, new = (moment(expiry) for expiry in (self.subject.expires_at, self.choices["expires_at"]))
        return {"sentences": [f"It expires {new} instead of {current}. Nothing moves in the ledger."]}


def moment(at: datetime | None) -> str:
    """Return the time at which something expires, for use in a sentence."""
    return "never" if at is None else f"on {date_format(timezone.localtime(at), 'DATETIME_FORMAT')} UTC"
