"""The mapping of posting roles to accounts: which rule applies to which posting."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from billing.models import AccountMapping
from billing.models.accounting_files import NARROWINGS
from billing.models.postings import Role
from billing.revenue.accounting_files.formats.journal import LedgerAccount
from billing.revenue.accounting_files.formats.writer import Writer
from customers.models import Seller


class PostingKey(NamedTuple):
    """The columns of a posting that decide about its accounts. The narrowing ones are named as in `NARROWINGS`."""

    debit: str
    credit: str
    kind: str
    plan: int | None
    feature: int | None
    fee: str
    pack: int | None
    country: str
    tax_name: str
    tax_rate: Decimal | None
    method: str
    customer_group: str

    @property
    def tax(self) -> str:
        """Return the tax as text, such as VAT 19%; empty if there is none."""
        return f"{self.tax_name} {self.tax_rate.normalize():f}%" if self.tax_rate is not None else self.tax_name

    def narrowing(self) -> dict[str, Any]:
        """Return the narrowing columns that are not empty."""
        return {name: getattr(self, name) for name in NARROWINGS if getattr(self, name) not in (None, "")}


@dataclass(frozen=True, slots=True)
class AccountRule:
    """A mapping: the values that a posting must have, and the account that it then gets."""

    rank: tuple[Any, ...]
    conditions: tuple[tuple[str, Any], ...]
    account: LedgerAccount

    def applies_to(self, key: PostingKey) -> bool:
        return all(getattr(key, name) == value for name, value in self.conditions)


@dataclass(slots=True)
class AccountRules:
    """
    The rules of a seller's month in one target, by role and the most specific first.

    A rule of the target precedes all rules for every target. Then the narrowing fields decide in the order of
    `NARROWINGS`: a rule that uses the first of them precedes one that doesn't, and so on. Of rules with the same
    conditions, the one that began last applies. The constraint `mappings_of_equal_specificity_never_overlap` keeps
    this order free of ties.
    """

    by_role: dict[str, list[AccountRule]] = field(default_factory=dict)
    uses_customer_groups: bool = False
    _found: dict[tuple[str, PostingKey], LedgerAccount | None] = field(default_factory=dict)

    def account_of(self, role: str, key: PostingKey) -> LedgerAccount | None:
        """Return the account of one side of a posting; None if no rule applies."""
        if (role, key) not in self._found:
            rules = self.by_role.get(role, [])
            self._found[role, key] = next((rule.account for rule in rules if rule.applies_to(key)), None)
        return self._found[role, key]


def read_account_rules(*, seller: Seller, target: str, month: date) -> AccountRules:
    """Return the rules that apply to a month."""
    mappings = AccountMapping.objects.filter(seller=seller, target__in=["", target], from_month__lte=month)
    return arrange_rules(mappings.select_related("account"))


def arrange_rules(mappings: Iterable[AccountMapping]) -> AccountRules:
    """Return mappings as rules in the order in which they apply."""
    rules = AccountRules()
    for mapping in mappings:
        values = {
            name: value
            for name in NARROWINGS
            if (value := getattr(mapping, f"{name}_id" if name in ("plan", "feature", "pack") else name))
            not in (None, "")
        }
        rank = (bool(mapping.target), *(name in values for name in NARROWINGS), mapping.from_month)
        account = mapping.account
        rules.by_role.setdefault(mapping.role, []).append(
            AccountRule(
                rank,
                tuple(values.items()),
                LedgerAccount(account.code, account.name, mapping.cost_center, account.tax_key, account.contact),
            )
        )
        rules.uses_customer_groups |= "customer_group" in values
    for role_rules in rules.by_role.values():
        role_rules.sort(key=lambda rule: rule.rank, reverse=True)
    return rules


class UnmappedAmount(NamedTuple):
    """
    Postings that no file can contain yet: their role, its narrowing, and why.

    amount: debits less credits. postings: their number.
    problem: why their account can't be used; empty if they have none.
    """

    role: str
    narrowing: dict[str, Any]
    amount: Decimal
    postings: int
    problem: str = ""

    def __str__(self) -> str:
        conditions = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.narrowing.items())
        return f"{Role(self.role).label}{f' ({conditions})' if conditions else ''}"


class KeySum(NamedTuple):
    """
    The sum of postings that differ in nothing that decides about their accounts.

    code: identifies the key in a stream of rows.
    """

    key: PostingKey
    amount: Decimal
    postings: int
    code: int


def list_unmapped(sums: Iterable[KeySum], *, rules: AccountRules, writer: type[Writer]) -> list[UnmappedAmount]:
    """Return the amounts without an account that the target can take, the largest first."""
    unmapped_by_key: dict[tuple[Any, ...], UnmappedAmount] = {}
    for key, amount, postings, _ in sums:
        for role, sign in ((key.debit, 1), (key.credit, -1)):
            account = rules.account_of(role, key)
            problem = "" if account is None else writer.problem_with(account, is_receivable=role == Role.RECEIVABLE)
            if account is not None and not problem:
                continue
            narrowing = key.narrowing() if account is None else {}
            index = (role, tuple(narrowing.items()), problem)
            before = unmapped_by_key.get(index, UnmappedAmount(role, narrowing, Decimal(0), 0, problem))
            unmapped_by_key[index] = before._replace(
                amount=before.amount + sign * amount, postings=before.postings + postings
            )
    return sorted(unmapped_by_key.values(), key=lambda row: (-abs(row.amount), row.role, str(row)))
