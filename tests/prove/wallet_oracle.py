"""The expected content of wallets, computed from the answers to their writers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Min, Sum

from tests.prove.verdict import Verdict, say
from tests.prove.wallet_writers import FLOOR, OPENING, CampaignWallets, Chain, part_of
from wallets.models import Hold, Lot, Movement, Transaction, Wallet

D = Decimal
Answered = dict[tuple[str, str], Any]


def compare(
    chains: Sequence[Chain], answers: Iterable[tuple[str, list[Any]]], campaign: CampaignWallets, verdict: Verdict
) -> float:
    """Require that the ledger equals the answers, and return the share of accepted operations."""
    connection.close()
    known = {chain.key: chain for chain in chains}
    answered, counts = _one_answer_each(known, answers, verdict)
    _nothing_else_moved(known, answered, campaign, verdict)
    _balances_are_the_answers(known, answered, campaign, verdict)
    owners = [wallet for customer_wallets in campaign.wallets.values() for wallet in customer_wallets]
    below = Transaction.objects.filter(wallet__in=owners, balance_after__lt=-FLOOR).count()
    verdict.require(not below, f"{below} entries left a wallet below its overdraft limit")
    lowest = Transaction.objects.filter(wallet__in=owners).aggregate(Min("balance_after"))["balance_after__min"]
    counts_text = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
    say(f"    {counts_text}; the lowest balance ever was {lowest or 0:,.2f}")
    refused = sum(count for name, count in counts.items() if name.startswith("refused"))
    return 1 - refused / sum(counts.values())


def _one_answer_each(
    known: dict[str, Chain], answers: Iterable[tuple[str, list[Any]]], verdict: Verdict
) -> tuple[Answered, Counter[str]]:
    """Require that a repeat got the same answer as the first, once there was one; a refusal uses up no key."""
    answered: Answered = {}
    counts: Counter[str] = Counter()
    operations = 0
    for key, given in answers:
        for kind, answer in zip(known[key].kinds, given, strict=False):
            operations += 1
            if isinstance(answer, dict):
                counts[f"refused {kind}"] += 1
                continue
            counts[kind] += 1
            first = answered.setdefault((key, kind), answer)
            verdict.require(first == answer, f"{kind} {key} first got {first}, and {answer} when repeated")
    chains = sum(1 for _ in known)
    say(f"    {operations:,} operations got a response, of {chains:,} chains with keys of their own")
    verdict.require(chains > 0 and operations > 0, "no operation ran")
    return answered, counts


def _nothing_else_moved(
    known: dict[str, Chain], answered: Answered, campaign: CampaignWallets, verdict: Verdict
) -> None:
    """Require that the ledger has every acknowledged operation once, as answered, and no other."""
    owners = [wallet for customer_wallets in campaign.wallets.values() for wallet in customer_wallets]
    stored: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(D))
    rows = Transaction.objects.filter(wallet__in=owners).values_list("kind", "reference", "units")
    for kind, reference, units in rows:
        stored[kind][reference] -= units
    spent = {key: D(answer[0]) + D(answer[1]) for (key, kind), answer in answered.items() if kind == "spend"}
    holds = dict(Hold.objects.filter(customer__in=campaign.wallets).values_list("reference", "pk"))
    spent |= {f"hold:{holds[key]}": part_of(known[key]) for key, kind in answered if kind == "commit"}
    taken = {
        name: {key: part_of(known[key]) for key, kind in answered if kind == name} for name in ("refund", "void")
    }
    moved = {f"transfer:{key}": known[key].amount for key, kind in answered if kind == "transfer"}
    for kind, wanted in (
        ("spend", spent),
        ("refund", taken["refund"]),
        ("void", taken["void"]),
        ("transfer_out", moved),
    ):
        differs = [key for key in {*wanted, *stored[kind]} if wanted.get(key) != stored[kind].get(key)]
        verdict.require(
            not differs, f"{len(differs)} of {len(wanted)} {kind} differ from their response: {differs[:3]}"
        )
    granted = {key for key, kind in answered if kind == "grant"}
    lots = set(Lot.objects.filter(wallet__in=owners, origin__isnull=True).values_list("source", flat=True))
    lots.discard("opening")
    verdict.require(lots == granted, f"{len(lots ^ granted)} grants are lost or were never acknowledged")
    acknowledged = {key for key, kind in answered if kind == "hold"}
    verdict.require(
        set(holds) == acknowledged, f"{len(acknowledged ^ set(holds))} holds are lost or were never acknowledged"
    )


def _balances_are_the_answers(
    known: dict[str, Chain], answered: Answered, campaign: CampaignWallets, verdict: Verdict
) -> None:
    """Require that each customer has the granted amount, less the spent and the expired amount."""
    wanted = {customer: OPENING * len(customer_wallets) for customer, customer_wallets in campaign.wallets.items()}
    for (key, kind), answer in answered.items():
        chain = known[key]
        if kind == "grant":
            wanted[chain.customer] += chain.amount
        elif kind in ("spend", "commit"):
            wanted[chain.customer] -= D(answer[0]) + D(answer[1])
        elif kind in ("refund", "void"):
            wanted[chain.customer] -= part_of(chain)
    expired = Lot.objects.filter(wallet__customer__in=campaign.wallets).values_list("wallet__customer")
    for customer, units in expired.annotate(Sum("expired")):
        wanted[customer] -= units
    balances = dict(
        Wallet.objects.filter(customer__in=campaign.wallets).values_list("customer").annotate(Sum("balance"))
    )
    wrong = [balance for balance in balances if balances[balance] != wanted[balance]]
    verdict.require(
        not wrong,
        f"{len(wrong)} of {len(balances)} customers have a balance that differs from the responses: {wrong[:3]}",
    )
    kinds = Transaction.objects.filter(wallet__customer__in=campaign.wallets).values_list("kind").order_by()
    rolled = kinds.filter(kind__in=[Movement.EXPIRE, Movement.ROLL_OVER, Movement.REPAY, Movement.REVIVE])
    counted = Counter(kind for (kind,) in rolled.iterator())
    besides = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counted.items()))
    say(f"    balances equal the sum of the responses; also: {besides}")
