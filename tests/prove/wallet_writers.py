"""Writers that grant, spend, hold, commit, release, refund, void, expire and transfer, and the answers they got."""

import json
import os
import random
import signal
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection

from lib.decimals import to_plain_string
from lib.failpoints import hit_failpoint
from lib.task_clock import database_time
from tests.builders import make_customer
from tests.prove import processes
from tests.prove.handshake import Handshake
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.ledger.adjustments import refund, transfer, void
from wallets.ledger.errors import LedgerRefused, ReferenceConflict
from wallets.ledger.expiry import expire
from wallets.ledger.grant import Grant, grant
from wallets.ledger.hold import commit, hold, release
from wallets.ledger.spend import SpendRequest, spend
from wallets.models import Wallet

D = Decimal
FLOOR = D(50)
"""The overdraft limit of a wallet."""

OPENING = D(500)
"""The initial balance of each wallet."""

REPEATED = 0.4
NEAR = 60
"""The greatest distance of a repeat, in operations: near enough for both to be in progress."""

CLOCK_IS_OFF_SECONDS = 0.5
WINDOWS = ("wallet.locked", "wallet.after_write", "wallet.after_commit")
ARRIVAL_SECONDS = 20

WEIGHTS = {
    ("spend",): 46,
    ("grant",): 8,
    ("grant", "refund"): 5,
    ("grant", "void"): 3,
    ("hold", "commit"): 11,
    ("hold", "release"): 5,
    ("hold",): 3,
    ("expire",): 3,
    ("transfer",): 3,
}


class CampaignWallets(NamedTuple):
    """Customers, with the ids of their wallets, and the start of the campaign."""

    wallets: dict[int, list[int]]
    began: datetime


class Chain(NamedTuple):
    """Operations that belong together on a wallet of a customer. key: of the operations; a repeat has the same."""

    key: str
    kinds: tuple[str, ...]
    customer: int
    wallet: int
    amount: Decimal
    part: Decimal
    lasts: float


def make_wallets(wallets: int, *, tag: str) -> CampaignWallets:
    """Create one customer with one wallet, or customers with two wallets each."""
    each, wallet_ids = min(wallets, 2), {}
    for number in range(wallets // each):
        customer = make_customer(f"{tag}-{number}")
        wallet_ids[customer.pk] = [
            Wallet.objects.create(customer=customer, name=str(place), at_zero="grace", grace=FLOOR).pk
            for place in range(each)
        ]
    campaign = CampaignWallets(wallet_ids, database_time())
    opening = Grant("purchased", OPENING, "opening", cost=OPENING)
    for wallet in (wallet for customer_wallets in wallet_ids.values() for wallet in customer_wallets):
        grant(wallet_id=wallet, grants=[opening], at=campaign.began)
    return campaign


def plan_chains(operations: int, campaign: CampaignWallets, seed: int) -> list[Chain]:
    """Return chains of this many operations, of which two of five repeat a nearby one."""
    chance, chains, count = random.Random(seed), [], 0
    owners = [
        (customer, wallet) for customer, customer_wallets in campaign.wallets.items() for wallet in customer_wallets
    ]
    kinds = [weight for weight in WEIGHTS if len(owners) > 1 or weight != ("transfer",)]
    while count < operations:
        if chains and chance.random() < REPEATED:
            chains.append(chance.choice(chains[-NEAR:]))
        else:
            [chosen] = chance.choices(kinds, [WEIGHTS[kind] for kind in kinds])
            key = f"{seed}:{len(chains)}"
            most = 36_000 if chosen[0] == "grant" else 14_000
            amount, part = D(chance.randrange(1, most)) / 100, D(chance.randrange(1, 1_000)) / 1_000
            chains.append(Chain(key, chosen, *chance.choice(owners), amount, part, chance.uniform(0.2, 30)))
        count += len(chains[-1].kinds)
    return chains


# A writer -----------------------------------------------------------------------------------------------------------


class Writer:
    """One process with its chains. journal: a line for each answered chain, with the answers."""

    def __init__(self, chains: Sequence[Chain], campaign: CampaignWallets, journal: Path, seed: int) -> None:
        self.chains, self.campaign, self.journal = chains, campaign, journal
        self.chance, self.started = random.Random(seed), time.monotonic()

    def work(self) -> None:
        with self.journal.open("a+") as journal:
            journal.seek(0)
            for chain in self.chains[len(journal.readlines()) :]:
                journal.write(json.dumps([chain.key, self._answers(chain)]) + "\n")
                journal.flush()
        connection.close()

    def _answers(self, chain: Chain) -> list[Any]:
        answers: list[Any] = []
        for kind in chain.kinds:
            try:
                answer = getattr(self, f"_{kind}")(chain, answers[-1] if answers else None, self._now())
            except ReferenceConflict as error:
                raise AssertionError(f"{chain} met {error}") from error
            except LedgerRefused as error:
                answers.append({"refused": type(error).__name__})
                break
            hit_failpoint("wallet.after_commit")
            answers.append(json.loads(json.dumps(answer, default=to_plain_string)))
        return answers

    def _now(self) -> datetime:
        is_off = self.chance.uniform(-CLOCK_IS_OFF_SECONDS, CLOCK_IS_OFF_SECONDS)
        return database_time() + timedelta(seconds=is_off)

    def _spend(self, chain: Chain, _: Any, at: datetime) -> Any:
        return spend(wallet_id=chain.wallet, amount=chain.amount, reference=chain.key, at=at)

    def _grant(self, chain: Chain, _: Any, at: datetime) -> Any:
        ends = None if chain.lasts < 10 else at + timedelta(seconds=chain.lasts / 3)
        grant_terms = Grant(
            "purchased", chain.amount, chain.key, cost=chain.amount, expires_at=ends, rolls_over=int(bool(ends))
        )
        return grant(wallet_id=chain.wallet, grants=[grant_terms], at=at)[0].pk

    def _refund(self, chain: Chain, lot_id: Any, at: datetime) -> Any:
        return refund(lot_id=lot_id, amount=part_of(chain), reference=chain.key, reason="asked for", at=at).pk

    def _void(self, chain: Chain, lot_id: Any, at: datetime) -> Any:
        return void(lot_id=lot_id, amount=part_of(chain), reference=chain.key, reason="a mistake", at=at).pk

    def _hold(self, chain: Chain, _: Any, at: datetime) -> Any:
        use = SpendRequest(chain.amount, at, chain.key)
        until = at + timedelta(seconds=chain.lasts)
        return hold(customer_id=chain.customer, unit="credits", request=use, until=until).pk

    def _commit(self, chain: Chain, hold_id: Any, at: datetime) -> Any:
        return commit(hold_id=hold_id, amount=part_of(chain), at=at, at_zero=AtZeroPolicy.BLOCK)

    def _release(self, _: Chain, hold_id: Any, at: datetime) -> Any:
        return release(hold_id=hold_id, at=at).pk

    def _expire(self, chain: Chain, _: Any, at: datetime) -> Any:
        expire(wallet_id=chain.wallet, at=at, grace_period=timedelta(seconds=1))

    def _transfer(self, chain: Chain, _: Any, at: datetime) -> Any:
        [other] = [wallet_id for wallet_id in self.campaign.wallets[chain.customer] if wallet_id != chain.wallet]
        wallets = {"from_id": chain.wallet, "to_id": other}
        arguments = {"amount": chain.amount, "reference": chain.key, "reason": "asked for", "at": at}
        return [lot.pk for lot in transfer(**wallets, **arguments)]


def part_of(chain: Chain) -> Decimal:
    return (chain.amount * chain.part).quantize(D("0.001")) or D("0.001")


# All writers --------------------------------------------------------------------------------------------------------


class WriterPool:
    """Writers, each with its chains. failed: exit statuses of those that ended without being killed."""

    def __init__(self, hands: Sequence[Sequence[Chain]], campaign: CampaignWallets, folder: Path, seed: int) -> None:
        self.hands, self.campaign, self.folder, self.seed = hands, campaign, folder, seed
        self.failed: list[int | None] = []
        self.kills, self.seconds = 0, 0.0
        self._running: dict[int, BaseProcess] = {}

    def work(self, kills: int) -> int:
        """
        Run the writers until all is answered, killing this many; return how many kills were inside their window.
        """
        connection.close()
        began, inside = time.monotonic(), 0
        for number in range(len(self.hands)):
            self._start(number)
        handshake = Handshake()
        while self.kills < kills and self._running:
            handshake.order(WINDOWS[self.kills % len(WINDOWS)])
            arrival = handshake.arrival(seconds=ARRIVAL_SECONDS)
            if arrival is None:
                self._revive()
                continue
            processes.kill(arrival.pid)
            self.kills += 1
            inside += arrival.is_still_there
            self._revive()
        while self._running:
            self._revive()
            time.sleep(0.05)
        self.seconds = time.monotonic() - began
        return inside

    def answers(self) -> list[tuple[str, list[Any]]]:
        """Return (key, answers) of each answered chain, of all journals."""
        paths = [self._journal(number) for number in range(len(self.hands))]
        return [tuple(json.loads(line)) for path in paths if path.exists() for line in path.open()]

    def _journal(self, number: int) -> Path:
        return self.folder / f"{number}.jsonl"

    def _start(self, number: int) -> None:
        # A new seed after each kill: the clock is off by another amount.
        writer = Writer(
            self.hands[number], self.campaign, self._journal(number), self.seed + number + 1_000 * self.kills
        )
        self._running[number] = get_context("fork").Process(target=_only, args=(writer,))
        self._running[number].start()

    def _revive(self) -> None:
        for number, process in list(self._running.items()):
            if process.is_alive():
                continue
            process.join()
            del self._running[number]
            if process.exitcode == -signal.SIGKILL:
                self._start(number)
            elif process.exitcode:
                self.failed.append(process.exitcode)


def _only(writer: Writer) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    writer.work()
    os._exit(0)
