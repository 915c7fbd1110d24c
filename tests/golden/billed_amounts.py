"""The amounts that a customer was billed over time, in a case's terms."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.golden.case_figures import Figures
from tests.golden.period_cases import moment
from tests.golden.plan_setup import HELD, is_level
from tests.golden.sandbox_customer import CUSTOMER, Document, Life

Entry = dict[str, Any]
Lines = list[tuple[set[str], Decimal]]
"""Names that cases may use for a line, and its amount."""

NONE = Decimal(0)
FEES = {"subscription", "plan", "recurring", "fixed"}
KINDS = {
    "fee": FEES,
    "usage": {"usage", "overage"},
    "late_usage": {"usage", "overage"},
    "progressive": {"usage"},
    "true_up": {"commitment_true_up"},
    "coupon": {"discount"},
    "credit_pack": {"credits"},
    "fee_credit": {"item"},
}
"""Kind of our lines → the cases' names for it."""

BOUND = ": minimum of "
"""Text in the description of a line that raises a price to its minimum; cases separate it from usage."""


class Answers:
    """
    Our figures for the entries of a case's `expected`, from one customer's life.

    An entry has a step and a day. Its documents are those issued on that day by that step, or by an earlier one if no
    earlier entry of the day includes them. Several documents count as one bill: where another system issues one
    invoice, ours may issue one per subscription. An item on none of them was billed at zero.
    """

    def __init__(self, life: Life) -> None:
        self.life = life

    def to(self, wanted: dict[str, list[Entry]]) -> Figures:
        """Return our figures for every wanted kind, and always the rejected requests."""
        figures: Figures = {kind: [*ANSWERS[kind](self, entries)] for kind, entries in wanted.items()}
        return {**figures, "errors": [*self.errors()]}

    def errors(self) -> Iterator[Figures]:
        """Yield the rejected requests with the reason."""
        for step, why in sorted(self.life.refused.items()):
            yield {"date": self.life.case["steps"][step]["at"], "step": step, "error": why}

    def invoices(self, entries: list[Entry]) -> Iterator[Figures]:
        for entry, documents in self._entries_with_documents("invoices", entries):
            yield bill(entry, documents, self.credit_spent(documents))

    def credit_spent(self, documents: list[Document]) -> Decimal:
        """Return what the customer's balance has paid of invoices; it is what credit notes have put on it."""
        numbers = {document["number"] for document in documents}
        entries = self.life.get(f"/customers/{CUSTOMER}/balances/entries", limit=200)["data"]
        spent = [entry for entry in entries if entry["kind"] == "applied" and entry["document"] in numbers]
        return -total(entry["amount"]["amount"] for entry in spent)

    def credit_notes(self, entries: list[Entry]) -> Iterator[Figures]:
        for entry, documents in self._entries_with_documents("credit-notes", entries):
            yield bill(entry, documents)

    def no_invoice(self, entries: list[Entry]) -> Iterator[Figures]:
        for entry, documents in self._entries_with_documents("invoices", entries):
            if not documents:
                yield place(entry)

    def current_usage(self, entries: list[Entry]) -> Iterator[Figures]:
        """The case reports a constant level for the whole period, which is our projection."""
        levels = {
            charge["metric"] for plan in self.life.plans.values() for charge in plan["charges"] if is_level(charge)
        }
        for entry in entries:
            used = self.life.usage[entry["step"]]
            costs = [
                feature_usage["projected" if name in levels else "cost"]["amount"]
                for name, feature_usage in used.items()
            ]
            rates = [rate for feature_usage in used.values() for rate in feature_usage["rates"]]
            yield {
                **place(entry),
                "amount": total(costs),
                "units": total(feature_usage["used"] for feature_usage in used.values()),
                "chargeable_units": total(rate["billable"] for rate in rates),
            }

    def in_advance_fees(self, entries: list[Entry]) -> Iterator[Figures]:
        """
        A charge per event in other systems is, in ours, the difference that an event makes to the displayed usage.
        """
        for entry in entries:
            before, after = self._costs(entry["step"] - 1), self._costs(entry["step"])
            yield {**place(entry), "amount": after[0] - before[0], "units": after[1] - before[1]}

    def _costs(self, step: int) -> tuple[Decimal, Decimal]:
        feature_usages = self.life.usage[step].values()
        return total(feature_usage["cost"]["amount"] for feature_usage in feature_usages), total(
            feature_usage["used"] for feature_usage in feature_usages
        )

    def balances(self, entries: list[Entry]) -> Iterator[Figures]:
        for entry in entries:
            balance = total(wallet["balance"] for wallet in self.life.wallets[entry["step"]])
            yield {**place(entry), "wallet": balance, "credits": balance}

    def _entries_with_documents(self, kind: str, entries: list[Entry]) -> Iterator[tuple[Entry, list[Document]]]:
        """Yield each entry with its complete documents."""
        remaining = list(self.life.documents[kind])
        for entry in entries:
            at = moment(entry["date"])
            matching = [
                (step, document)
                for step, document in remaining
                if self._is_of(document, at) and step <= entry["step"]
            ]
            remaining = [entry_ for entry_ in remaining if entry_ not in matching]
            yield entry, [self.life.get(f"/{kind}/{document['id']}") for _, document in matching]

    def _is_of(self, document: Document, at: datetime) -> bool:
        """Return whether a document was issued on that day, or as late as the grace for it allows."""
        first, last = self.life.day_of(at), self.life.day_of(at + self.life.grace)
        return document["issued_at"] is not None and first <= self.life.day_of(moment(document["issued_at"])) <= last


def place(entry: Entry) -> Figures:
    return {"date": entry["date"], "step": entry["step"]}


def bill(entry: Entry, documents: list[Document], credit_spent: Decimal = NONE) -> Figures:
    """Return the total of the documents, with the lines that an entry lists, in its order."""
    figures = {name: total(document[name]["amount"] for document in documents) for name in ("net", "tax", "total")}
    paid = total(document["paid"]["amount"] for document in documents if "paid" in document)
    left_to_pay = figures["total"] - paid
    wanted = entry.get("lines", [])
    listed = {line["kind"] for line in wanted}
    kinds = {line["kind"] for document in documents for line in document["lines"]}
    # Where a case lists as a line what a wallet or a credit note pays, its total is the remaining amount to pay.
    settled = (paid if "prepaid" in listed else NONE) + (credit_spent if "credit_note" in listed else NONE)
    lines: Lines = [
        *merge_lines(documents),
        ({"net"}, figures["net"]),
        ({"tax"}, figures["tax"]),
        ({"prepaid"}, -paid),
        ({"credit_note"}, -credit_spent),
    ]
    return {
        **place(entry),
        "total": figures["total"] - settled,
        "subtotal": figures["net"],
        "type": "progressive" if kinds == {"progressive"} else "period",
        "progressive_credit": NONE,  # what is billed early is not listed again, so no line takes it off
        "tax": figures["tax"],
        "tax_percent": ", ".join(sorted({tax["rate"] for document in documents for tax in document["taxes"]})),
        "amount_due": left_to_pay,
        "lines": select_lines(wanted, lines),
    }


def merge_lines(documents: list[Document]) -> Lines:
    """Return the lines of documents; a line that occurs on several of them is merged into one."""
    merged: dict[tuple[str, int], tuple[set[str], Decimal]] = {}
    for document in documents:
        of_this = Counter[str]()
        for line in document["lines"]:
            of_this[line["description"]] += 1
            key = line["description"], of_this[line["description"]]
            kinds, before = merged.get(key, (possible_names(line), NONE))
            merged[key] = kinds, before + Decimal(line["amount"]["amount"])
    return list(merged.values())


def possible_names(line: Document) -> set[str]:
    """Return the names that cases may use for a line of ours."""
    if line["kind"] == "proration":
        return {"credit_note"} if Decimal(line["amount"]["amount"]) < 0 else FEES
    if BOUND in line["description"]:
        return {"true_up"}
    if HELD in line["description"]:
        return {"usage"}
    return KINDS[line["kind"]]


def select_lines(wanted: list[Entry], lines: Lines) -> list[Figures]:
    """
    Return those of our lines that are wanted: one with the same amount if there is one, otherwise the first of the
    kind.

    We may have other lines; a line that we do not have has the amount zero.
    """
    remaining, figures = list(lines), []
    for wanted_line in wanted:
        of_kind = [line for line in remaining if wanted_line["kind"] in line[0]]
        same = [line for line in of_kind if line[1] == Decimal(wanted_line["amount"])]
        chosen = next(iter(same or of_kind), None)
        if chosen:
            remaining.remove(chosen)
        figures.append({"kind": wanted_line["kind"], "amount": chosen[1] if chosen else NONE})
    return figures


def total(amounts: Any) -> Decimal:
    return sum(map(Decimal, amounts), NONE)


ANSWERS: dict[str, Callable[[Answers, list[Entry]], Iterator[Figures]]] = {
    "invoices": Answers.invoices,
    "credit_notes": Answers.credit_notes,
    "no_invoice": Answers.no_invoice,
    "current_usage": Answers.current_usage,
    "in_advance_fees": Answers.in_advance_fees,
    "balances": Answers.balances,
}
