"""
The campaign `payments` at localstripe, a Stripe that others wrote, in a process of its own.

localstripe decides which payments succeed, and signs the events of payments. Requests fail, events are lost, late and
repeated, and processes are killed as in the other campaign; tests/stripe/localstripe.py says what localstripe lacks.
"""

import argparse
import random
from collections.abc import Sequence

from config.postgres import Cluster
from tests.prove import payments
from tests.prove.payment_events import LocalstripePoster
from tests.stripe.localstripe import localstripe


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove payments_localstripe", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    with localstripe() as server:
        return payments.collect(options, cluster, server, LocalstripePoster)
