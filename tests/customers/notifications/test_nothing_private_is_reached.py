"""
No webhook can connect to a host outside the public internet, through any spelling, name, redirect or rebinding (F47).
"""

import contextlib
import socket
import threading

import httpcore
import pytest

from customers.notifications import http_client
from customers.notifications.address_guard import is_public
from customers.notifications.webhook_endpoints import EndpointRefused
from tests.customers.notifications.announcements import create_endpoint
from tests.customers.notifications.receivers import receiver, status

PUBLIC = ["93.184.216.34", "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]

PRIVATE = [
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("0.0.0.0", "this host"),  # noqa: S104
    ("0.1.2.3", "this network"),
    ("10.1.2.3", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.1.1", "private"),
    ("169.254.169.254", "link-local: metadata of clouds"),
    ("100.64.0.1", "shared (CGNAT)"),
    ("100.100.100.200", "shared: metadata of a cloud"),
    ("192.0.0.1", "protocol assignments"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4 relay"),
    ("198.18.0.1", "benchmarks"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::127.0.0.1", "IPv4-compatible"),
    ("::ffff:127.0.0.1", "IPv4-mapped"),
    ("::ffff:8.8.8.8", "IPv4-mapped, even of a public one"),
    ("::ffff:a9fe:a9fe", "IPv4-mapped link-local"),
    ("64:ff9b::a9fe:a9fe", "NAT64 of link-local"),
    ("64:ff9b::808:808", "NAT64"),
    ("64:ff9b:1::a9fe:a9fe", "NAT64 of local use"),
    ("100::1", "discard"),
    ("2001::1", "Teredo"),
    ("2001:db8::1", "documentation"),
    ("2002:a9fe:a9fe::", "6to4 of link-local"),
    ("2002:7f00:1::", "6to4 of loopback"),
    ("3fff::1", "documentation"),
    ("fc00::1", "unique local"),
    ("fd00:ec2::254", "unique local: metadata of a cloud"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local, of an interface"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
]

SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]",
    "localhost",
    "LOCALHOST",
]
"""Each of these resolves to this machine."""

FORMS = [
    ("https://user@example.com/", "user"),
    ("https://user:secret@example.com/", "user"),
    ("https://example.com/#part", "never sent"),
    ("http://example.com/", "https"),
    ("https://example.com:22/", "Port 22"),
    ("https://example.com:0/", "Port|address"),
    ("https://example.com:99999/", "address"),
    ("https://", "address"),
    ("https:///path", "address"),
    ("ftp://example.com/", "address"),
    ("file:///etc/passwd", "address"),
    ("gopher://example.com/", "address"),
    ("//example.com/", "address"),
    ("example.com", "address"),
    ("https://example.com/a b", "address"),
    ("https://example.com\\@127.0.0.1/", "address|user"),
    ("https://[::1/", "address"),
    ("https://169.254.169.254/latest/meta-data", "public internet"),
    ("https://2852039166/", "public internet"),
    ("https://[64:ff9b::a9fe:a9fe]/", "public internet"),
]


@pytest.fixture(autouse=True)
def allow_no_private_host(settings, allow_localhost) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = []


@pytest.fixture
def resolver(monkeypatch):
    """Set the answers of the name resolver, in order; the last one repeats. Return them and the queried hosts."""
    queried_hosts, answers = [], {}

    def getaddrinfo(host, port, *args, **kwargs):
        if host not in answers or kwargs.get("flags"):
            raise socket.gaierror(8, "Name or service not known")
        queried_hosts.append(host)
        addresses = answers[host][min(queried_hosts.count(host), len(answers[host])) - 1]
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in ip], socket.SOCK_STREAM, 6, "", (ip, port)) for ip in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers, queried_hosts


@pytest.fixture
def connected(monkeypatch):
    """Record the addresses of connections, and connect to none."""
    addresses = []

    def connect(self, host, port, **options):
        addresses.append((host, port))
        raise httpcore.ConnectError("nobody there")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    return addresses


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize(("address", "why"), PRIVATE)
def test_a_private_address_is_not_public(address, why):
    assert not is_public(address), why


@pytest.mark.parametrize(("url", "reason"), FORMS)
def test_an_invalid_url_is_rejected_when_typed(url, reason):
    with pytest.raises(http_client.AddressRefused, match=reason):
        http_client.check_address(url)


@pytest.mark.django_db
def test_no_endpoint_is_created_for_a_private_address():
    with pytest.raises(EndpointRefused, match="public internet") as refusal:
        create_endpoint("https://10.0.0.1/hook")
    assert refusal.value.field == "url"


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_connects_to_this_machine(host, monkeypatch):
    """A listener on that very port sees no connection."""
    monkeypatch.setattr(http_client, "CONNECT_SECONDS", 0.5)
    with receiver() as hook:
        monkeypatch.setattr(http_client, "PORTS", (hook.port,))
        with pytest.raises(http_client.AddressRefused, match=r"public internet|Invalid IPv4"):
            http_client.post(f"https://{host}:{hook.port}/hook", content=b"", headers={})
    assert hook.got == []


@pytest.mark.parametrize(("address", "why"), PRIVATE)
def test_a_name_that_resolves_to_a_private_address_is_refused(address, why, resolver, connected):
    answers, _ = resolver
    answers["innocent.example"] = [[address]]
    with pytest.raises(http_client.AddressRefused, match="public internet"):
        http_client.post("https://innocent.example/", content=b"", headers={})
    assert connected == [], why


def test_one_private_address_among_public_ones_is_enough(resolver, connected):
    answers, _ = resolver
    answers["mixed.example"] = [["93.184.216.34", "10.0.0.1"]]
    with pytest.raises(http_client.AddressRefused, match=r"10\.0\.0\.1"):
        http_client.post("https://mixed.example/", content=b"", headers={})
    assert connected == []


def test_the_connection_goes_to_the_checked_address(resolver, connected):
    """A name that resolves to another address later has no effect: it is not resolved again."""
    answers, queried_hosts = resolver
    answers["rebinding.example"] = [["93.184.216.34", "1.1.1.1"], ["127.0.0.1"]]
    with pytest.raises(http_client.Unreachable):
        http_client.post("https://rebinding.example/", content=b"", headers={})
    assert queried_hosts.count("rebinding.example") == 1
    assert connected == [("93.184.216.34", 443), ("1.1.1.1", 443)]


LEADS_HERE = [
    # answers of the resolver, in order                          why it is refused
    ([["127.0.0.1"]], "loopback"),
    ([["0.0.0.0"]], "this host"),  # noqa: S104
    ([["::1"]], "loopback"),
    ([["::ffff:127.0.0.1"]], "IPv4-mapped"),
    ([["64:ff9b::7f00:1"]], "NAT64 of loopback"),
    ([["64:ff9b:1::7f00:1"]], "NAT64 of local use"),
    ([["2002:7f00:1::"]], "6to4 of loopback"),
    ([["2001:0:7f00:1::"]], "Teredo"),
    ([["127.0.0.1", "192.0.2.1"]], "one that is not public, and another one"),
    ([["93.184.216.34", "127.0.0.1"]], "a public one first"),
    ([["93.184.216.34"], ["127.0.0.1"]], "rebinding: it leads here once it is vetted"),
    ([["93.184.216.34"], ["::1"], ["127.0.0.1"]], "rebinding, slowly"),
]


def test_no_name_connects_to_this_machine(resolver, monkeypatch, settings):
    """Listeners run on both loopback addresses, and connections are real except those to other machines."""
    answers, _ = resolver
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_locally_only(httpcore.SyncBackend.connect_tcp))
    with listening() as (port, connection_count):
        monkeypatch.setattr(http_client, "PORTS", (port,))
        for number, (addresses_by_query, why) in enumerate(LEADS_HERE):
            host = f"name-{number}.example"
            answers[host] = addresses_by_query
            answers.update({address: [[address]] for addresses in addresses_by_query for address in addresses})
            with pytest.raises((http_client.AddressRefused, http_client.Unreachable)):
                http_client.post(f"https://{host}:{port}/", content=b"", headers={})
            assert connection_count() == 0, why
        settings.OUTBOUND_PRIVATE_HOSTS = ["name-0.example"]
        with pytest.raises(http_client.Unreachable):
            http_client.post(f"https://name-0.example:{port}/", content=b"", headers={})
        assert connection_count() == 1, "somebody listens, or nothing was tried"


def connect_locally_only(connect):
    def connect_tcp(self, host, port, **options):
        if host == "93.184.216.34":
            raise httpcore.ConnectError("no test leaves this machine")
        return connect(self, host, port, **options)

    return connect_tcp


@contextlib.contextmanager
def listening():
    """Listen on both loopback addresses; yield the port, and a function that counts the connections."""
    count = []
    with socket.create_server(("127.0.0.1", 0)) as four, contextlib.ExitStack() as more:
        port = four.getsockname()[1]
        sockets = [four]
        with contextlib.suppress(OSError):  # a machine without IPv6 has no such address
            sockets.append(more.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6)))
        threads = [threading.Thread(target=_count, args=(socket_, count), daemon=True) for socket_ in sockets]
        for thread in threads:
            thread.start()
        yield port, lambda: len(count)


def _count(socket_, count):
    with contextlib.suppress(OSError):  # the socket is closed when the test ends
        while True:
            client, _ = socket_.accept()
            count.append(client)
            client.close()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(settings, code):
    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost"]
    with receiver() as inner, receiver(status(code, Location=inner.url)) as hook:
        assert http_client.post(hook.url, content=b"", headers={}).status == code
    assert (len(hook.got), inner.got) == (1, [])


def test_no_proxy_of_the_environment_is_used(settings, monkeypatch):
    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost"]
    with receiver() as proxy, receiver() as hook:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://localhost:{proxy.port}")
        http_client.post(hook.url, content=b"{}", headers={})
    assert (len(hook.got), proxy.got) == (1, [])


def test_a_private_host_is_allowed_only_if_configured(settings):
    settings.OUTBOUND_PRIVATE_HOSTS = ["intern.example"]
    with receiver() as hook, pytest.raises(http_client.AddressRefused):
        http_client.post(hook.url, content=b"", headers={})
    assert hook.got == []


def test_a_certificate_of_another_name_is_refused(resolver, monkeypatch):
    """TLS is verified against the name, although the connection goes to an address."""
    answers, _ = resolver
    answers["named.example"] = [["93.184.216.34"]]
    names = []

    class Stream(httpcore.NetworkStream):
        def start_tls(self, ssl_context, server_hostname=None, timeout=None):
            names.append((server_hostname, ssl_context.check_hostname, ssl_context.verify_mode.name))
            raise httpcore.ConnectError("certificate verify failed")

        def close(self):
            """There is nothing to close."""

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", lambda *_, **__: Stream())
    with pytest.raises(http_client.Unreachable, match="certificate"):
        http_client.post("https://named.example/", content=b"", headers={})
    assert names == [("named.example", True, "CERT_REQUIRED")]


def test_a_silent_server_times_out(settings, monkeypatch):
    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost"]
    monkeypatch.setattr(http_client, "SECONDS", 0.5)
    over = threading.Event()
    with (
        receiver(lambda handler, place: over.wait(5)) as hook,
        pytest.raises(http_client.Unreachable, match="Timeout"),
    ):
        http_client.post(hook.url, content=b"", headers={})
    over.set()
