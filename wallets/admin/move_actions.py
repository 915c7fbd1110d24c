"""Actions that move units: previewed by a dry run, and carried out once however often they are sent."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from access.admin.approvable_action import ApprovableAction
from access.approvals import Act
from customers.customer_time import current_time
from lib.admin import ConfirmedAction, Response, Subject, page_url, staff_page
from lib.translation import Text
from wallets.admin.action_forms import ExtendForm, GrantForm, MoveForm, TakeOutForm, TransferForm
from wallets.credit_rules.units import InvalidAmount
from wallets.ledger.adjustments import WalletVoid, extend, transfer, void, void_all
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.grant import Grant
from wallets.ledger.locked_wallets import WalletNotFound
from wallets.models import Lot, TaxPoint, Wallet
from wallets.operations.acts import GrantCredits, RefundLot
from wallets.operations.dry_run import WalletEffect, dry_run
from wallets.statements.formats import shown


class MoveAction(ConfirmedAction[Subject]):
    """
    An action on a wallet or a lot.

    facts: its consequences, whichever the choices. success_text: the message after it, with the placeholders amount,
    lot and wallet.
    """

    facts: Sequence[Text]
    success_text: Text
    form_class: type[MoveForm]
    refusals = (InvalidAmount, LedgerRefused)

    effect: dict[str, Any] | None = None

    @property
    def wallet(self) -> Wallet:
        raise NotImplementedError

    def heading(self) -> str:
        """Return the title of the page."""
        return str(self.title).format(self.subject)

    def move(self, *, at: datetime, by: Any) -> None:
        """Carry out the action."""
        raise NotImplementedError

    def success(self) -> str:
        """Return the message after the action."""
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
                return self.complete(at=at)
            self.effect = self.describe(dry_run(lambda: self.move(at=at, by=self.user), wallet_ids=self.wallet_ids()))
        except WalletNotFound as refused:
            self.refuse(str(refused))
        return None

    def complete(self, *, at: datetime) -> Response:
        """Carry out the action and report it."""
        self.move(at=at, by=self.user)
        return self.done(self.success(), to=self.wallet)

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
        sentences = [] if effect.entries else [gettext("This is already done. Nothing is moved again.")]
        return {"sentences": sentences, **effect._asdict()}


class ApprovableMove(MoveAction[Subject], ApprovableAction[Subject]):
    """An action that may need the approval of a second person."""

    def move(self, *, at: datetime, by: Any) -> None:
        self.act(self.subject).carry_out(by=by, at=at)

    def complete(self, *, at: datetime) -> Response:
        return self.perform(self.act(self.subject), self.subject)

    def report(self, subject: Subject, outcome: Any) -> Response:
        return self.done(self.success(), to=self.wallet)


# On a wallet --------------------------------------------------------------------------------------------------------


class WalletMove(MoveAction[Wallet]):
    """An action on the units of a wallet."""

    @property
    def wallet(self) -> Wallet:
        return self.subject

    def success(self) -> str:
        amount = shown(self.choices["amount"], self.wallet.unit)
        return str(self.success_text) % {"amount": amount, "wallet": self.wallet}


class GrantAction(ApprovableMove[Wallet], WalletMove):
    label, icon, variant = _("Grant"), "add", ActionVariant.PRIMARY
    permission = "wallets.grant_credits"
    form_class = GrantForm
    title = _("Grant to {}")
    facts = (
        _("The grant settles an overdraft first, unless it is limited to some features."),
        _("This is a free top-up, without a price and an invoice. To sell units, choose Buy pack."),
    )
    success_text = _("Granted %(amount)s to %(wallet)s.")
    is_offered = staticmethod(lambda wallet: wallet.closed_at is None)

    def act(self, wallet: Wallet) -> Act[Lot]:
        cleaned = self.choices
        terms = Grant(
            cleaned["kind"],
            cleaned["amount"],
            self.arguments["reference"],
            valid_from=cleaned["valid_from"],
            expires_at=cleaned["expires_at"],
            features=[feature.pk for feature in cleaned["features"]],
        )
        return GrantCredits(wallet_id=wallet.pk, terms=terms, reason=cleaned["_reason"])


class TransferCredits(WalletMove):
    label, icon = _("Transfer"), "swap_horiz"
    permission = "wallets.transfer_credits"
    form_class = TransferForm
    title = _("Transfer from {}")
    facts = (_("Lots are transferred in the order in which they would be used. Each keeps its terms and its cost."),)
    success_text = _("Transferred %(amount)s from %(wallet)s.")
    is_offered = staticmethod(lambda wallet: wallet.closed_at is None and wallet.balance > 0)

    def wallet_ids(self) -> list[int]:
        return [self.wallet.pk, self.choices["to"].pk]

    def move(self, *, at: datetime, by: Any) -> None:
        to, amount = self.choices["to"].pk, self.choices["amount"]
        transfer(from_id=self.wallet.pk, to_id=to, amount=amount, **self.arguments, at=at, by=by)


class VoidAll(WalletMove):
    """Void all units of the wallet that no reservation holds."""

    label, icon, variant = _("Void all"), "block", ActionVariant.DANGER
    permission = "wallets.void_lot"
    danger = True
    form_class = MoveForm
    facts = (
        _("All units that no reservation holds leave the wallet at once, and nothing is refunded."),
        _("This can't be undone. To correct a mistake, grant the units again."),
    )
    title = _("Void all units of {}")
    is_offered = staticmethod(lambda wallet: wallet.closed_at is None and wallet.lots.filter(has_left=True).exists())

    outcome: WalletVoid

    def move(self, *, at: datetime, by: Any) -> None:
        self.outcome = void_all(wallet_id=self.wallet.pk, **self.arguments, at=at, by=by)

    def success(self) -> str:
        return self._outcome_text()

    def describe(self, effect: WalletEffect) -> dict[str, Any]:
        described = super().describe(effect)
        described["sentences"].append(self._outcome_text())
        return described

    def _outcome_text(self) -> str:
        amounts = {
            "voided": shown(self.outcome.voided, self.wallet.unit),
            "held": shown(self.outcome.held, self.wallet.unit),
        }
        if self.outcome.held:
            return gettext("%(voided)s voided. Reservations hold %(held)s, which stay in the wallet.") % amounts
        return gettext("%(voided)s voided.") % amounts


# On a lot -----------------------------------------------------------------------------------------------------------


class LotMove(MoveAction[Lot]):
    """
    An action on the units of a lot.

    heading_text: the title of the page, with the placeholders amount and wallet.
    """

    heading_text: Text
    is_offered = staticmethod(lambda lot: lot.remaining > lot.held and lot.wallet.closed_at is None)

    @property
    def wallet(self) -> Wallet:
        return self.subject.wallet

    def heading(self) -> str:
        amount = shown(self.subject.remaining, self.wallet.unit)
        return str(self.heading_text) % {"amount": amount, "wallet": self.wallet}

    def success(self) -> str:
        return str(self.success_text) % {"lot": self.subject.pk}


class VoidLot(LotMove):
    """Void units of the lot without paying for them."""

    label, icon, variant = _("Void"), "block", ActionVariant.DANGER
    permission = "wallets.void_lot"
    danger = True
    form_class = TakeOutForm
    facts = (
        _("The units leave the wallet at once, and nothing is refunded."),
        _("This can't be undone. To correct a mistake, grant the units again."),
    )
    heading_text = _("Void %(amount)s of %(wallet)s")
    success_text = _("Lot %(lot)s: units voided.")

    def move(self, *, at: datetime, by: Any) -> None:
        void(lot_id=self.subject.pk, amount=self.choices["amount"], **self.arguments, at=at, by=by)


class RefundAction(ApprovableMove[Lot], LotMove):
    """Refund units of the lot: they are voided, and their cost is paid back."""

    label, icon = _("Refund"), "undo"
    permission = "wallets.refund_lot"
    danger = True
    form_class = TakeOutForm
    facts = (
        _("The units leave the wallet at once."),
        _("No money moves. Pay their cost back to the customer separately."),
    )
    heading_text = _("Refund %(amount)s of %(wallet)s")
    success_text = _("Lot %(lot)s: units refunded.")
    is_offered = staticmethod(lambda lot: LotMove.is_offered(lot) and lot.cost > 0)

    def act(self, lot: Lot) -> Act[Lot]:
        return RefundLot(lot_id=lot.pk, amount=self.choices["amount"], **self.arguments)

    def describe(self, effect: WalletEffect) -> dict[str, Any]:
        described = super().describe(effect)
        if effect.entries:
            paid_back = shown(-sum((entry.money for entry in effect.entries), Decimal(0)), str(self.wallet.currency))
            text = gettext("Amount to pay back, before tax: %(amount)s.")
            if self.subject.tax_point != TaxPoint.SOLD:
                text = gettext("Amount to pay back: %(amount)s. No tax was charged on it.")
            described["sentences"] = [text % {"amount": paid_back}]
        return described


class ExtendLot(LotMove):
    """Extend the lot's expiry, or remove it."""

    label, icon = _("Extend"), "update"
    permission = "wallets.extend_lot"
    form_class = ExtendForm
    facts = (_("The remaining units stay usable until the new expiry. A lot can't expire earlier than before."),)
    heading_text = _("Extend %(amount)s of %(wallet)s")
    success_text = _("Lot %(lot)s: expiry extended.")
    is_offered = staticmethod(lambda lot: LotMove.is_offered(lot) and lot.expires_at is not None and not lot.expired)

    def move(self, *, at: datetime, by: Any) -> None:
        lot, expires_at = Lot.objects.get(pk=self.subject.pk), self.choices["expires_at"]
        if lot.expires_at != expires_at:  # a second submit finds it done
            extend(lot_id=lot.pk, expires_at=expires_at, reason=self.choices["_reason"], at=at, by=by)

    def describe(self, effect: WalletEffect) -> dict[str, Any]:
        current, new = (moment(expiry) for expiry in (self.subject.expires_at, self.choices["expires_at"]))
        text = gettext("Expiry: %(current)s → %(new)s. No units are moved.")
        return {"sentences": [text % {"current": current, "new": new}]}


def moment(at: datetime | None) -> str:
    """Return the time of an expiry as text."""
    if at is None:
        return gettext("never")
    return gettext("%(time)s UTC") % {"time": date_format(timezone.localtime(at), "DATETIME_FORMAT")}
