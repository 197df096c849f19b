"""Calls that end by their deadline and know whether anything was sent, over TLS too."""

import contextlib
import datetime
import gzip
import ipaddress
import socket
import ssl
import threading
import time
import tracemalloc

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from swipr.decks.bounded_http import BoundedHttp, NotSentError, TooLargeError, UnansweredError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\nok"


class Listener:
    """Answers each connection's requests with `answer`, keeping what it received."""

    def __init__(self, answer=ANSWER, context=None):
        self.answer, self.context, self.received, self.connections = answer, context, b"", 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                try:
                    secured = self.context.wrap_socket(connection, server_side=True) if self.context else connection
                    with secured:
                        while piece := secured.recv(65_536):
                            self.received += piece
                            if self.answer:
                                secured.sendall(self.answer)
                except OSError:
                    continue

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(timeout=5)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1; key and certificate in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def http():
    opened = BoundedHttp()
    yield opened
    opened.close()


def get(http, url, **options):
    asked = {"headers": {"X-Auth-Token": "secret"}, "timeout_s": 2.0, "max_bytes": 100, **options}
    return http.call("GET", url, **asked)


def server_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_connections_are_kept_and_cookies_are_not(http):
    with Listener() as listener:
        for _ in range(2):
            reply = get(http, f"http://127.0.0.1:{listener.port}/")
            assert (reply.status, reply.body) == (200, b"ok")
        http.close()

    assert listener.connections == 1
    assert b"Cookie" not in listener.received


def test_an_unknown_certificate_gets_no_token(http, certificate):
    with Listener(context=server_context(certificate)) as listener, pytest.raises(NotSentError):
        get(http, f"https://127.0.0.1:{listener.port}/")

    assert listener.received == b""


def test_tls_answers_are_read_and_silence_over_tls_ends(http, certificate):
    http._session.verify = str(certificate)
    with Listener(context=server_context(certificate)) as listener:
        assert get(http, f"https://127.0.0.1:{listener.port}/").body == b"ok"
        listener.answer = b""
        begun = time.monotonic()
        with pytest.raises(UnansweredError, match="timed out"):
            get(http, f"https://127.0.0.1:{listener.port}/", timeout_s=0.4)
        assert time.monotonic() - begun < 1
        http.close()


def test_nothing_is_sent_after_the_deadline(http, monkeypatch):
    resolve = socket.getaddrinfo

    def slowly(*arguments, **options):
        time.sleep(0.5)
        return resolve(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with Listener() as listener, pytest.raises(NotSentError, match="timed out"):
        get(http, f"http://127.0.0.1:{listener.port}/", timeout_s=0.2)

    assert listener.received == b""


def test_a_body_that_swells_when_unpacked_is_cut_off(http):
    body = gzip.compress(bytes(5_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with Listener(head + body) as listener:
        with pytest.raises(TooLargeError):
            get(http, f"http://127.0.0.1:{listener.port}/", max_bytes=1_000_000)
        http.close()


class Pouring(Listener):
    """Pours out `answer` and then 60 MB, counting the bytes that were taken from it."""

    def _serve(self):
        self.taken = 0
        connection, _ = self.socket.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            connection.sendall(self.answer)
            for _ in range(600):
                connection.sendall(bytes(100_000))
                self.taken += 100_000


def redirect(length, more=""):
    return f"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def test_the_body_of_a_redirect_is_not_read_beyond_the_limit(http):
    with Pouring(redirect(60_000_000)) as listener:
        with pytest.raises(TooLargeError):
            get(http, f"http://127.0.0.1:{listener.port}/", max_bytes=1000, timeout_s=10)
        http.close()

    assert listener.taken < 20_000_000


def test_the_body_of_a_redirect_that_swells_when_unpacked_takes_no_memory(http):
    body = gzip.compress(bytes(60_000_000))
    with Listener(redirect(len(body), "Content-Encoding: gzip\r\n") + body) as listener:
        tracemalloc.start()
        try:
            with pytest.raises(TooLargeError):
                get(http, f"http://127.0.0.1:{listener.port}/", max_bytes=1000, timeout_s=10)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        http.close()

    assert most < 10_000_000


def test_a_redirect_is_an_answer_like_any_other(http):
    with Listener(redirect(2) + b"no") as listener:
        assert get(http, f"http://127.0.0.1:{listener.port}/")[::2] == (302, b"no")
        http.close()

    assert listener.received.count(b"GET ") == 1


# --- names with many addresses ---------------------------------------------------------------------------


@pytest.fixture
def addresses(monkeypatch):
    """What each name resolves to: host and port."""
    several = []

    def resolve(*_, **__):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in several]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return several


def test_all_dead_addresses_of_a_name_have_no_longer_than_the_call(http, addresses, monkeypatch):
    connect, allowed = socket.socket.connect, []

    def unanswered(opened, address):
        if not address[0].startswith("192.0.2."):
            return connect(opened, address)
        allowed.append(opened.gettimeout())
        time.sleep(opened.gettimeout())
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", unanswered)
    with Listener() as listener:
        addresses += [(f"192.0.2.{n}", 80) for n in range(1, 9)] + [("127.0.0.1", listener.port)]
        with pytest.raises(NotSentError, match="timed out"):
            get(http, "http://many.example/", timeout_s=0.2)

    assert 0 < sum(allowed) <= 0.2
    assert listener.connections == 0


def test_addresses_that_refuse_are_passed_over(http, addresses):
    closed = socket.create_server(("127.0.0.1", 0))
    nobody = closed.getsockname()
    closed.close()
    with Listener() as listener:
        addresses += [nobody] * 3 + [("127.0.0.1", listener.port)]
        assert get(http, "http://many.example/").body == b"ok"
        http.close()


@pytest.mark.parametrize("count", [0, 1, 9])
def test_without_an_address_that_answers_nothing_is_sent(http, addresses, count):
    closed = socket.create_server(("127.0.0.1", 0))
    addresses += [closed.getsockname()] * count
    closed.close()

    with pytest.raises(NotSentError, match="connection failed"):
        get(http, "https://many.example/")


def test_surroundings_set_no_proxy(http, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with Listener() as listener:
        assert get(http, f"http://127.0.0.1:{listener.port}/").body == b"ok"
        http.close()
