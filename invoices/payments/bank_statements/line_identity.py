"""The identity of a movement within its account, so that no file brings it twice: docs/payments.md#bank-statements"""

import json
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

from invoices.payments.bank_files import BankFileLine
from lib.decimals import to_plain_string


def line_identities(lines: Iterable[BankFileLine]) -> list[str]:
    """
    Return the identity of each line of one account in a file: SHA-256 of its booking date, currency and amount with
    the bank's reference, or without one, with all that the bank says about it.

    Lines that are equal in all of this are numbered within their day: two equal payments are two lines. The bank's
    reference alone would not do, since some banks repeat it.
    """
    seen: Counter[str] = Counter()
    identities = []
    for line in lines:
        facts = [str(line.booking_date or line.value_date), line.currency, to_plain_string(line.amount)]
        if line.bank_reference:
            facts.append(line.bank_reference)
        else:
            facts += ["", line.payer_name, line.payer_account, line.text, line.end_to_end_id]
        key = json.dumps(facts, ensure_ascii=False)
        seen[key] += 1
        identities.append(sha256(f"{key}{seen[key]}".encode()).hexdigest())
    return identities
