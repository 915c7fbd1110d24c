"""S3-compatible servers on this machine: moto, which checks signatures, and a fake that can fail."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import unquote

import boto3

from billing.models import DropTarget
from lib.encryption import encrypt

REGION, BUCKET, PREFIX = "eu-central-1", "books", "tollbook/nightly"
_POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
# Requests without a check of their signature, by which the user is made: three to IAM, one to S3.
_UNCHECKED = "4"


@dataclass
class BucketServer:
    """A running server with an empty bucket. access_key, secret: of a user who may do everything in it."""

    url: str
    access_key: str
    secret: str

    def get(self, path: str) -> bytes:
        """Return the content of a file below the prefix."""
        content: bytes = self.client().get_object(Bucket=BUCKET, Key=f"{PREFIX}/{path}")["Body"].read()
        return content

    def keys(self) -> set[str]:
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {entry["Key"].removeprefix(f"{PREFIX}/") for page in pages for entry in page.get("Contents", ())}

    def client(self, service: str = "s3") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret,
        )


@contextmanager
def moto_server() -> Iterator[BucketServer]:
    """Run a server that accepts only requests that are signed as Amazon's documentation says."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)],
        env=os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": _UNCHECKED},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_port(port)
        server = BucketServer(f"http://localhost:{port}", "anybody", "anything")
        iam = server.client("iam")
        iam.create_user(UserName="tollbook")
        iam.put_user_policy(UserName="tollbook", PolicyName="all", PolicyDocument=_POLICY)
        key = iam.create_access_key(UserName="tollbook")["AccessKey"]
        server.client().create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield BucketServer(server.url, key["AccessKeyId"], key["SecretAccessKey"])
    finally:
        process.kill()
        process.wait()


def _await_port(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the S3-compatible server does not start")


def bucket_target(server: Any, **fields: Any) -> DropTarget:
    facts = {"name": "lake", "kind": "bucket", "endpoint": server.url, "region": REGION, "bucket": BUCKET}
    access = {"path": PREFIX, "access_key": server.access_key, "secret": encrypt(server.secret)}
    return DropTarget.objects.create(**facts | access | fields)


@dataclass
class Trouble:
    """What a server answers in place of storing; is_done: it stores all the same. delay: seconds."""

    status: int = 200
    body: str = ""
    delay: float = 0.0
    is_done: bool = False


@dataclass
class FakeBucket:
    """files: by key. troubles: for the next requests. rule: of all requests with this text in their path."""

    files: dict[str, bytes] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    rule: tuple[str, Trouble] | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    access_key: str = "key"
    secret: str = "secret"
    lock: Lock = field(default_factory=Lock)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def get(self, path: str) -> bytes:
        return self.files[f"/{BUCKET}/{PREFIX}/{path}"]

    def answer(self, method: str, path: str, body: bytes, digest: str) -> Trouble:
        with self.lock:
            self.requests.append((method, path))
            trouble = self.troubles.pop(0) if self.troubles else Trouble()
            if self.rule and self.rule[0] in path:
                trouble = self.rule[1]
            if method == "PUT" and (trouble.status == 200 or trouble.is_done):
                assert sha256(body).hexdigest() == digest
                self.files[path] = body
            if method == "DELETE" and trouble.status == 200:
                self.files.pop(path, None)
        time.sleep(trouble.delay)
        return trouble


@contextmanager
def fake_bucket() -> Iterator[FakeBucket]:
    bucket = FakeBucket()

    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            trouble = bucket.answer(
                self.command, unquote(self.path), body, self.headers.get("x-amz-content-sha256", "")
            )
            content = trouble.body.encode()
            self.send_response(trouble.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_DELETE = lambda self: self.serve()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, bucket.port = True, server.server_port
    server.block_on_close = False
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
