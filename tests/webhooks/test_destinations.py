"""Nobody reaches through a webhook what only the server can."""

import asyncio
import socket

import httpcore
import pytest

from projects_api.webhooks import destinations
from projects_api.webhooks.destinations import AddressRefused, Destinations, is_public
from projects_api.webhooks.posting import Poster
from tests.webhooks.receiver import Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw3n1kq0bT5xY="


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.10", "::1", "0.0.0.0", "::"),
        *("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1"),
        *("169.254.169.254", "fe80::1", "fe80::1%eth0", "100.64.0.1", "100.127.255.254"),
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:10.0.0.1", "::127.0.0.1"),
        *("2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b::7f00:1"),
        *("64:ff9b:1::a00:1", "224.0.0.1", "239.1.2.3", "ff02::1", "255.255.255.255"),
        # The registries of IANA for special purposes, their siblings, and what else is nobody's.
        *("fec0::1", "feff::1", "3fff::1", "3fff:fff:ffff::1", "5f00::1", "100::1", "100:0:0:1::1"),
        *("64:ff9b:1:ffff::808:808", "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1"),
        *("2001:10::1", "2001:20::1", "2001:30::1", "2001:1ff::1", "2620:4f:8000::1"),
        *("192.0.0.8", "192.0.0.9", "192.0.0.170", "192.31.196.1", "192.52.193.1"),
        *("192.88.99.1", "192.175.48.1", "198.19.255.255", "198.51.100.1", "0.1.2.3"),
        *("1::1", "200::1", "4000::1", "8000::1", "e000::1", "::ffff:0:7f00:1"),
        # ISATAP, behind the prefix of anybody, with and without the bit for what is universal.
        *("2606:4700::5efe:7f00:1", "2606:4700::200:5efe:7f00:1", "2a00:1:2:3:0:5efe:a00:1"),
        *("240.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.9", "2001:db8::1", "no address"),
    ],
)
def test_what_is_not_public_is_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111"),
        *("192.0.1.1", "192.88.98.1", "192.88.100.1", "198.20.0.1", "2001:200::1", "2003::1"),
        *("2001:4860:4860::8888", "2a00:1450::5efe", "2606:4700::5eff:808:808", "3ffe:ffff::1"),
    ],
)
def test_the_public_internet_is_not(address):
    assert is_public(address)


@pytest.fixture
def names(monkeypatch):
    """Let names stand for what a test says, each time for the next of several."""
    known: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def lookup(host, port, *rest, **options):
        if host not in known:
            return real(host, port, *rest, **options)
        turns = known[host]
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(destinations.socket, "getaddrinfo", lookup)
    return known


@pytest.fixture
def strict():
    judge = Destinations(allow_private=False)
    yield judge
    judge.close()


class TestCheck:
    @pytest.mark.parametrize(
        "url",
        [
            *("https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x", "https://0/x"),
            *("https://2130706433/", "https://0x7f.1/", "https://[::ffff:127.0.0.1]:443/"),
            *("https://169.254.169.254/latest/meta-data", "https://10.0.0.1:8443/"),
        ],
    )
    def test_private_addresses_in_every_spelling_are_refused(self, strict, url):
        with pytest.raises(AddressRefused, match="not in the public internet"):
            strict.check(url)

    def test_a_name_for_a_private_address_is_refused(self, strict, names):
        names["inner.example.com"] = [["10.0.0.7"]]
        with pytest.raises(AddressRefused, match=r"inner\.example\.com is not in the public"):
            strict.check("https://inner.example.com/")

    def test_one_private_address_among_public_ones_is_enough(self, strict, names):
        names["both.example.com"] = [["8.8.8.8", "127.0.0.1"]]
        with pytest.raises(AddressRefused):
            strict.check("https://both.example.com/")

    def test_a_public_name_will_do(self, strict, names):
        names["outer.example.com"] = [["8.8.8.8"]]
        strict.check("https://outer.example.com:8443/hook?a=1")

    def test_a_name_that_nobody_knows_is_refused(self, strict):
        with pytest.raises(AddressRefused, match="is unknown"):
            strict.check("https://nobody.invalid/")

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("http://8.8.8.8/", "https://"),
            ("https://a:b@8.8.8.8/", "neither user"),
            ("https://@8.8.8.8/", "neither user"),
            ("https://8.8.8.8/#part", "neither user"),
            ("https:///path", "needs a host"),
            ("https://8.8.8.8:0/", "needs a host"),
            ("https://8.8.8.8:99999/", "no URL"),
            ("https://[::1/", "no URL"),
        ],
    )
    def test_what_is_no_address_to_send_to_is_refused(self, strict, url, why):
        with pytest.raises(AddressRefused, match=why):
            strict.check(url)

    def test_where_private_ones_are_allowed_so_is_plain_http(self):
        Destinations(allow_private=True).check("http://127.0.0.1:8000/hook")


class TestSending:
    """The connection goes to the address that was judged, whatever the name says next."""

    def post(self, judge, url):
        async def post():
            poster = Poster(judge)
            try:
                return await poster.post({"id": "one", "secret": SECRET, "body": "{}", "url": url})
            finally:
                await poster.close()

        return asyncio.run(post())

    def test_a_name_that_becomes_private_after_its_registration_is_refused(self, strict, names):
        receiver = Receiver()
        port = receiver.url.split(":")[2].split("/")[0]
        names["rebinding.example.com"] = [["9.9.9.9"], ["127.0.0.1"]]
        url = f"https://rebinding.example.com:{port}/hook"
        strict.check(url)
        answer = self.post(strict, url)
        receiver.close()
        assert answer["response_status"] is None
        assert "not in the public internet" in answer["error"]
        assert receiver.requests == []

    def test_the_judged_address_is_the_one_that_is_connected_to(self, strict, names, monkeypatch):
        names["rebinding.example.com"] = [["9.9.9.9"], ["127.0.0.1"]]
        connected = []

        async def connect(_self, host, port, *_rest):
            connected.append((host, port))
            raise httpcore.ConnectError

        monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
        self.post(strict, "https://rebinding.example.com/hook")
        # Servers of other tests may send to 8.8.8.8 meanwhile.
        assert [one for one in connected if one[0] != "8.8.8.8"] == [("9.9.9.9", 443)]

    def test_the_next_address_is_tried_where_one_does_not_answer(self, names):
        receiver = Receiver()
        port = receiver.url.split(":")[2].split("/")[0]
        names["two.example.com"] = [["127.0.0.9", "127.0.0.1"]]
        judge = Destinations(allow_private=True)
        answer = self.post(judge, f"http://two.example.com:{port}/hook")
        receiver.close()
        assert answer["response_status"] == 204
        assert receiver.requests[0].headers["host"] == f"two.example.com:{port}"

    def test_no_proxy_is_asked(self, monkeypatch):
        receiver = Receiver()
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
        answer = self.post(Destinations(allow_private=True), receiver.url)
        receiver.close()
        assert answer["response_status"] == 204
