"""Links that must never be connected to, in every notation that some parser somewhere takes for an address."""

from ipaddress import IPv4Address, IPv6Address

#: Each stands for a range: this network, loopback, private, shared, link-local and metadata, test nets, and so on.
FORBIDDEN_4 = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.254",
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.31.196.1", "192.52.193.1",
    "192.88.99.1", "192.168.0.1", "192.168.255.255", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
    "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
)  # fmt: skip
FORBIDDEN_6 = (
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1:fffe::808:808", "100::1", "100:0:0:1::1", "2001::1",
    "2001:0:7f00:1::f5ff:fffe", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1",
    "2002:a9fe:a9fe::1", "2002:808:808::1", "2620:4f:8000::1", "3ffe::1", "3fff::1", "4000::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fd12:3456:789a::1", "fe80::1", "fec0::1", "ff02::1", "ff0e::1",
    "2a00:1450:4001:0:0:5efe:7f00:1", "2a00:1450:4001:0:200:5efe:a00:1",
)  # fmt: skip
#: Names that a resolver is asked for only in tests that answer for it; the others are refused as they stand.
OWN_NAMES = (
    "localhost", "LOCALHOST", "localhost.localdomain.localhost", "printer.local", "nas.lan", "router.home", "intranet",
    "metadata.google.internal", "instance-data.ec2.internal", "1.0.0.127.in-addr.arpa", "host.test", "a.invalid",
    "fritz.box.", "kubernetes.default.svc.cluster.local", "host.docker.internal", "files.corp",
)  # fmt: skip
_WRITTEN_4 = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "0.0.0.0", "100.64.0.1")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
_CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")


def notations(text: str) -> list[str]:
    """The hosts by which libraries and browsers understand one IPv4 address."""
    number = int(IPv4Address(text))
    a, b, c, d = parts = IPv4Address(text).packed
    return [
        str(number), f"0{number:o}", f"0x{number:x}", f"0X{number:08X}", f"{number + 2**32}", f"-{number}",
        f"{a}.{number & 0xFFFFFF}", f"{a}.{b}.{c << 8 | d}", f"0x{a:x}.0x{number & 0xFFFFFF:x}", f"0{a:o}.{b}.{c}.{d}",
        ".".join(f"0{part:o}" for part in parts), ".".join(f"{part:04o}" for part in parts),
        ".".join(f"0x{part:x}" for part in parts), f"0x{a:x}.{b}.0{c:o}.{d}", ".".join(f"{part:03}" for part in parts),
        f"{a + 256}.{b}.{c}.{d}", f"{text}.", f"{text}..", f".{text}", text.replace(".", "。"), text.replace(".", "．"),
        text.replace(".", "｡"), text.replace(".", "%2e"), text.replace(".", "%2E", 1), text.translate(_FULL_WIDTH),
        text.translate(_CIRCLED), "".join(f"%{ord(sign):02x}" for sign in text), f"%00{text}", f"{text}%00",
        f"{text}%20", f"{text}%2523", f"[{text}]", f"[::ffff:{text}]", f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]",
        f"[::{text}]", f"[64:ff9b::{text}]", f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]",
        f"[{IPv6Address(number).exploded}]", f"[::FFFF:{text}]",
        f"[0:0:0:0:0:ffff:{text}]", f"[::ffff:{text}%25lo]", f"[::ffff:{text}%lo]",
    ]  # fmt: skip


def _disguised(host: str) -> list[str]:
    """Links to `host` that look as if they were to another, or that carry more than one request."""
    return [
        f"http://photos.example.com@{host}/", f"http://user:secret@{host}/", f"https://a@b@{host}/",
        f"http://photos.example.com:80@{host}/", f"http://photos.example.com%40{host}/", f"http://{host}\\@example.com/",
        f"http://example.com\\@{host}/", f"http:\\\\{host}\\", f"http:/{host}/", f"http:{host}", f"//{host}/",
        f"///{host}", f"http:///{host}/", f"http://{host}:22/", f"http://{host}:0/", f"http://{host}:65536/", f"http://{host}:80:80/",
        f"http://{host}:/", f"http://{host}:080/", f"http://{host}:+80/", f"http://{host}:８０/", f" http://{host}/",
        f"http://{host}/ ", f"http://{host}/\r\nHost: example.com", f"http://{host}/%0d%0a\r\n", f"http://{host}\r\n/",
        f"http://{host}/\nX: y", f"ht\ntp://{host}/", f"http://\t{host}/", f"http://{host}\x00.example.com/",
        f"http://{host}/\x7f", f"http://{host}/ä", f"http://{host} /", f"ftp://{host}/", f"gopher://{host}:80/_GET",
        f"dict://{host}:80/", f"ws://{host}/", f"jar:http://{host}/!/", f"url:http://{host}/", f"view-source:http://{host}/",
        f"httpſ://{host}/", f"https+http://{host}/", f"{host}", f"{host}:80/", f"http://{host}#@example.com/",
        f"http://{host}?@example.com/", f"HTTP://{host}/", f"hTTps://{host}/",
    ]  # fmt: skip


_OTHERS = [
    "", " ", "http", "http:", "http://", "http:///", "https://", "http://:80/", "http://[", "http://[]/", "http://[::1",
    "http://::1/", "http://[::1]x/", "http://[::1]:/", "http://[:::1]/", "http://[::1%25eth0]/", "http://[fe80::1%eth0]/",
    "http://[v1.a]/", "http://[::1]@example.com/", "http://./", "http://../", "http://-/", "http://a..example.com/",
    "http://-a.example.com/", "http://a-.example.com/", "http://example.com./", "http://example.com../",
    "http://example.com\u3002/", "http://exаmple.com/", "http://ex_ample.com/", "http://example.com:8080/",
    "http://example.com:22/", "http://example.com:https/", "http://*.example.com/", "http://example.com,127.0.0.1/",
    "http://example.com;127.0.0.1/", "http://127.0.0.1,example.com/", "http://{127.0.0.1}/", "http://$(id)/",
    "http://127.0.0.1.0x7f/", "http://example.127/", "http://1.2.3/", "http://1.2.3.4.5/", "http://256.256.256.256/",
    "http://0/", "http://0x/", "http://00000000000000000000000000000177.1/", "http://" + "a" * 64 + ".example.com/",
    "http://" + "a." * 130 + "com/", "http://example.com/" + "a" * 9000, "file:///etc/passwd", "file://localhost/etc/passwd",
    "file:/etc/passwd", "data:image/png;base64,AAAA", "javascript:alert(1)", "about:blank", "mailto:a@example.com",
    "unix:///var/run/docker.sock", "http+unix://%2fvar%2frun%2fdocker.sock/", "ldap://example.com/", "s3://bucket/key",
    "smb://example.com/a", "netdoc:///etc/passwd", "/etc/passwd", "\\\\example.com\\a", "blob:http://example.com/a",
]  # fmt: skip


def every_link() -> list[str]:
    """All of them, each once."""
    hosts = [*FORBIDDEN_4, *(f"[{six}]" for six in FORBIDDEN_6), *OWN_NAMES]
    hosts += [f"[{IPv6Address(six).exploded.upper()}]" for six in FORBIDDEN_6]
    hosts += [host for text in _WRITTEN_4 for host in notations(text)]
    links = [f"{scheme}://{host}/latest/meta-data/?a=b" for host in hosts for scheme in ("http", "https")]
    links += [link for host in ("127.0.0.1", "169.254.169.254", "[::1]", "localhost") for link in _disguised(host)]
    return list(dict.fromkeys([*links, *_OTHERS]))
