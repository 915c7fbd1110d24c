"""The client accepts messages that Tollbook signed, and no others."""

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


VALID = [
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


@pytest.mark.parametrize(("by", "known", "later", "why"), VALID)
def test_a_signed_message_is_parsed(by, known, later, why):
    now = (AT + timedelta(seconds=later)).timestamp()

    message = verify(CONTENT, {k.title(): v for k, v in signed(*by).items()}, known, now=now)

    assert (message.type, message.customer, message.timestamp) == ("invoice.paid", "acme", AT), why
    assert message.id == f"msg_{NAME.hex}"
    assert message.data["total"] == "119.00"


@pytest.mark.parametrize(("by", "known", "later", "why"), REFUSED)
def test_a_message_without_a_valid_signature_is_refused(by, known, later, why):
    with pytest.raises(BadSignature):
        verify(CONTENT, signed(*by), known, now=(AT + timedelta(seconds=later)).timestamp())


@pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_change_of_anything_is_refused(changed):
    headers, body = signed(SECRET), CONTENT
    if changed == "body":
        body = body.replace(b"119", b"118")
    elif changed == "webhook-signature":
        headers[changed] = headers[changed][:-4] + "AAA="
    else:
        headers[changed] = headers[changed][:-1] + ("1" if headers[changed][-1] != "1" else "2")

    with pytest.raises(BadSignature):
        verify(body, headers, SECRET, now=AT.timestamp())


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(missing):
    headers = {name: value for name, value in signed(SECRET).items() if name != missing}

    with pytest.raises(BadSignature):
        verify(CONTENT, headers, SECRET, now=AT.timestamp())
