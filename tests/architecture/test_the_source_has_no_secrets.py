"""No file contains a key that works anywhere."""

import re
import subprocess

from config.paths import PROJECT

# Each pattern is cut, so that it does not find itself.
KEYS = re.compile(
    r"\b(sk|rk)_live_" r"[0-9A-Za-z]{16,}|\bAKIA" r"[0-9A-Z]{16}\b|BEGIN [A-Z ]*PRIVATE " r"KEY"
    r"|\btb_live_[0-9a-z]{8}_[0-9A-Za-z]{43}\b|\bgh[pos]_" r"[0-9A-Za-z]{30,}|\bxox[bp]-" r"[0-9A-Za-z-]{20,}"
)  # fmt: skip


def test_no_file_contains_a_key():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    paths = [PROJECT / name for name in listed.split("\0") if name]
    assert len(paths) > 1_000

    hits = [str(path) for path in paths if path.is_file() and KEYS.search(path.read_text(errors="ignore"))]
    assert hits == []


def test_a_key_would_be_found():
    assert KEYS.search("STRIPE = 'sk_live_" + "a1" * 12 + "'")
    assert KEYS.search("-----BEGIN RSA PRIVATE " + "KEY-----")
