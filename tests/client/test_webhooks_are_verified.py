"""The client believes what Tollbook signs, and nothing else."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tollbook_client import BadSignature, verify

from customers.notifications.signatures import build_headers, build_payload

SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2VjcmV0LXRoYXQtaXMtbm90LXRoZS1vbmU="
AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
NAME = UUID("0f3c5b1e-9f6b-4f0c-a0d1-b7e5b0a3c2d1")
CONTENT = build_payload(
    kind="invoice.paid", customer="acme", sandbox=False, facts={"total": "119.00", "buyer": "Ä"}, created_at=AT
)


def signed(*secrets):
    return build_headers(message_id=NAME, content=CONTENT, secrets=secrets, at=AT)


BELIEVED = [
    # signed by         known            seconds later   why
    ([SECRET], SECRET, 0, "the secret fits"),
    ([SECRET], [OTHER, SECRET], 0, "the receiver knows the old one and the new one"),
    ([OTHER, SECRET], SECRET, 0, "the sender signs with both"),
    ([SECRET], SECRET, 299, "it was under way for a while"),
    ([SECRET], SECRET, -299, "the receiver's clock is behind"),
]
REFUSED = [
    ([OTHER], SECRET, 0, "another secret"),
    ([SECRET], SECRET, 301, "it was recorded, and sent again later"),
    ([SECRET], SECRET, -301, "it comes from the future"),
]


@pytest.mark.parametrize(("by", "known", "later", "why"), BELIEVED)
def test_what_is_signed_is_read(by, known, later, why):
    now = (AT + timedelta(seconds=later)).timestamp()

    message = verify(CONTENT, {k.title(): v for k, v in signed(*by).items()}, known, now=now)

    assert (message.type, message.customer, message.timestamp) == ("invoice.paid", "acme", AT), why
    assert message.id == f"msg_{NAME.hex}"
    assert message.data["total"] == "119.00"


@pytest.mark.parametrize(("by", "known", "later", "why"), REFUSED)
def test_what_is_not_is_refused(by, known, later, why):
    with pytest.raises(BadSignature):
        verify(CONTENT, signed(*by), known, now=(AT + timedelta(seconds=later)).timestamp())


@pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_change_of_anything_is_refused(changed):
    told, body = signed(SECRET), CONTENT
    if changed == "body":
        body = body.replace(b"119", b"118")
    elif changed == "webhook-signature":
        told[changed] = told[changed][:-4] + "AAA="
    else:
        told[changed] = told[changed][:-1] + ("1" if told[changed][-1] != "1" else "2")

    with pytest.raises(BadSignature):
        verify(body, told, SECRET, now=AT.timestamp())


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(missing):
    told = {name: value for name, value in signed(SECRET).items() if name != missing}

    with pytest.raises(BadSignature):
        verify(CONTENT, told, SECRET, now=AT.timestamp())
