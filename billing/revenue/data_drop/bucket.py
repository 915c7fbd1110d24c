"""
A bucket of an S3-compatible server: single requests, signed by Signature Version 4, through our own HTTP client.

Source: AWS, "Signature Calculations for the Authorization Header" of the S3 API (single chunk); path-style addresses.
"""

import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256 as sha256_of
from typing import IO
from urllib.parse import quote, urlsplit

from billing.revenue.data_drop.store import StoreFailed
from customers.notifications.http_client import AddressRefused, HttpAnswer, Unreachable, exchange

UPLOAD_SECONDS = 120.0
"""The most that one file takes, within the time limit of tasks; 10 MB need a megabit per second."""

_SEND_BYTES = 256 * 1024
_EMPTY = sha256_of(b"").hexdigest()
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_SIGNED = "host;x-amz-content-sha256;x-amz-date"

_REMEDIES = {
    "NoSuchBucket": "Create the bucket, or add a target with another one",
    "InvalidAccessKeyId": "Enter an access key of the server in the target",
    "SignatureDoesNotMatch": "Enter the secret key again in the target",
    "AccessDenied": "Let the access key write and delete below the prefix",
    "AuthorizationHeaderMalformed": "Add a target with the bucket's region",
    "PermanentRedirect": "Add a target with the endpoint of the bucket's region",
    "RequestTimeTooSkewed": "Set the clock of this host",
}


@dataclass(frozen=True, slots=True)
class BucketStore:
    """See `Store`. prefix: of all keys. at: the time that requests are signed with."""

    endpoint: str
    region: str
    name: str
    prefix: str
    access_key: str
    secret: str = field(repr=False)
    at: datetime

    def write(self, path: str, file: IO[bytes], *, size: int, sha256: str) -> None:
        file.seek(0)
        self._send("PUT", path, _blocks(file), size=size, sha256=sha256)

    def delete(self, path: str) -> None:
        self._send("DELETE", path)

    def _send(
        self, method: str, path: str, content: bytes | Iterator[bytes] = b"", *, size: int = 0, sha256: str = _EMPTY
    ) -> None:
        key = f"{self.prefix}/{path}" if self.prefix else path
        url = f"{self.endpoint.rstrip('/')}/{self.name}/{quote(key, safe='/-_.~')}"
        headers = self.sign(method, url, sha256=sha256) | {"Content-Length": str(size)}
        try:
            answer = exchange(method, url, content=content, headers=headers, seconds=UPLOAD_SECONDS)
        except AddressRefused as error:
            raise StoreFailed(str(error)) from error
        except Unreachable as error:
            raise StoreFailed(f"{self.endpoint} does not answer: {error}.", may_pass=True) from error
        if not 200 <= answer.status < 300:
            raise _failure(self.name, answer)

    def sign(self, method: str, url: str, *, sha256: str) -> dict[str, str]:
        """Return the headers that sign a request without a query. sha256: of its body."""
        parts = urlsplit(url)
        # The client leaves out the port that the scheme implies.
        host = parts.netloc.removesuffix(":443" if parts.scheme == "https" else ":80")
        moment = self.at.astimezone(UTC)
        date, stamp = f"{moment:%Y%m%d}", f"{moment:%Y%m%dT%H%M%SZ}"
        facts = f"host:{host}\nx-amz-content-sha256:{sha256}\nx-amz-date:{stamp}\n"
        request = f"{method}\n{parts.path}\n\n{facts}\n{_SIGNED}\n{sha256}"
        scope = f"{date}/{self.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256_of(request.encode()).hexdigest()}"
        key = f"AWS4{self.secret}".encode()
        for step in (date, self.region, "s3", "aws4_request"):
            key = hmac.digest(key, step.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return {
            "x-amz-content-sha256": sha256,
            "x-amz-date": stamp,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={_SIGNED},"
            f" Signature={signature}",
        }


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_SEND_BYTES):
        yield block


def _failure(bucket: str, answer: HttpAnswer) -> StoreFailed:
    """Return the reason that a server gives, with the way out."""
    code, message = _CODE.search(answer.text), _MESSAGE.search(answer.text)
    reason = ": ".join(element[1] for element in (code, message) if element) or "no reason given"
    remedy = _REMEDIES.get(code[1] if code else "", "")
    may_pass = answer.status in (408, 409, 425, 429) or answer.status >= 500
    text = f"Bucket {bucket} answers {answer.status}, {reason.rstrip('.')}."
    return StoreFailed(f"{text} {remedy}." if remedy else text, may_pass=may_pass)
