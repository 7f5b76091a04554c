"""Where we call and where not: every spelling of an address, and every way to be led there."""

import socket
from ipaddress import ip_address

import pytest
from aiohttp.abc import AbstractResolver
from hypothesis import given
from hypothesis import strategies as st

from chat.cloudbase import HttpPool, OpenAICompatible, Patience, addresses, errors
from chat.cloudbase.addresses import Allowed, allowing
from tests.fakes.model_server import ModelServer
from tests.fakes.telltale import Failure, Telltale

NOTHING = Allowed()
QUICK = Patience(connect=2, first_byte=2)

NOT_PUBLIC = {
    "127.0.0.1": "loopback",
    "127.0.0.1:8080": "loopback, any port",
    "127.255.255.254": "all of 127/8 is loopback",
    "localhost": "loopback by definition",
    "LOCALHOST": "names know no case",
    "localhost.": "the dot of the root",
    "models.localhost": "so is everything below it",
    "2130706433": "127.0.0.1 as one number",
    "0x7f000001": "as one hexadecimal number",
    "0X7F000001": "in capitals",
    "017700000001": "as one octal number",
    "127.1": "short: the last part fills the rest",
    "127.0.1": "short, three parts",
    "0x7f.1": "hexadecimal and short",
    "0177.0.0.1": "octal part",
    "00000177.0.0.0x1": "octal with more zeros, and hexadecimal",
    "127.0.0.1.": "the dot of the root",
    "127.0.0.1..": "and another one",
    "１２７.0.0.1": "full-width digits",
    "①②⑦.0.0.1": "digits in circles",
    "127。0。0。1": "ideographic full stops",
    "127．0．0．1": "full-width full stops",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ": "letters in circles",
    "0": "this host, on Linux loopback",
    "0.0.0.0": "this host",  # noqa: S104  # looked at, not bound to
    "0x0": "this host in hexadecimal",
    "0.1.2.3": "all of 0/8",
    "10.0.0.1": "private",
    "10.255.255.255": "the last private one",
    "167772161": "10.0.0.1 as one number",
    "0xa.1": "10.0.0.1, short and hexadecimal",
    "172.16.0.1": "private",
    "172.31.255.255": "the last private one",
    "0254.020.0.1": "172.16.0.1 in octal",
    "192.168.1.1": "private",
    "192.168.257": "192.168.1.1, short",
    "3232235777": "192.168.1.1 as one number",
    "169.254.169.254": "metadata of AWS, Azure, Google, Tencent",
    "2852039166": "169.254.169.254 as one number",
    "0xa9fea9fe": "in hexadecimal",
    "0251.0376.0251.0376": "in octal",
    "169.254.0.23": "metadata of Tencent Cloud",
    "169.254.170.2": "credentials of containers on AWS",
    "100.64.0.1": "shared, RFC 6598",
    "100.100.100.200": "metadata of Alibaba Cloud",
    "100.127.255.255": "the last shared one",
    "168.63.129.16": "Azure's own service, which looks public",
    "192.0.0.192": "metadata of Oracle Cloud",
    "192.0.2.1": "documentation",
    "192.88.99.1": "relay of 6to4",
    "198.18.0.1": "benchmarking",
    "198.19.255.255": "the last of benchmarking",
    "198.51.100.7": "documentation",
    "203.0.113.7": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast, SSDP",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "[::1]": "loopback",
    "[0:0:0:0:0:0:0:1]": "written out",
    "[0000:0000:0000:0000:0000:0000:0000:0001]:443": "written out in full",
    "[::]": "unspecified",
    "[::ffff:127.0.0.1]": "IPv4-mapped",
    "[::ffff:7f00:1]": "IPv4-mapped, hexadecimal",
    "[::FFFF:A9FE:A9FE]": "IPv4-mapped metadata",
    "[0:0:0:0:0:ffff:10.0.0.1]": "IPv4-mapped, written out",
    "[::127.0.0.1]": "IPv4-compatible",
    "[::ffff:0:127.0.0.1]": "IPv4-translated",
    "[64:ff9b::127.0.0.1]": "NAT64",
    "[64:ff9b::a9fe:a9fe]": "NAT64 metadata",
    "[64:ff9b:1::7f00:1]": "NAT64 of a local network",
    "[2002:7f00:1::]": "6to4",
    "[2002:a00:1::1]": "6to4 of 10.0.0.1",
    "[2001:0:7f00:1::1]": "Teredo",
    "[2001:0:4136:e378:8000:63bf:f5ff:fffe]": "Teredo, its client 10.0.0.1 inverted",
    "[2606:4700::5efe:127.0.0.1]": "ISATAP",
    "[2606:4700::200:5efe:10.0.0.1]": "ISATAP, marked as universal",
    "[fe80::1]": "link-local",
    "[fe80::5efe:10.0.0.1]": "ISATAP, link-local",
    "[febf::1]": "the last link-local network",
    "[fec0::1]": "site-local, once",
    "[fc00::1]": "unique local",
    "[fd00:ec2::254]": "metadata of AWS",
    "[fd20:ce::254]": "metadata of Google",
    "[ff02::1]": "multicast",
    "[100::1]": "discarded",
    "[2001:db8::1]": "documentation",
    "[2001:2::1]": "benchmarking",
    "[2001:20::1]": "ORCHID",
    "[3fff::1]": "documentation",
    "[5f00::1]": "segment routing",
    "[4000::1]": "not given out to anybody",
}
"""Hosts, and why each is no place to call."""

ILLEGAL = {
    "http://user@llm.example/v1": "a user name",
    "http://user:secret@llm.example/v1": "credentials",
    "http://8.8.8.8@127.0.0.1/v1": "a user name that looks like the host",
    "http://127.0.0.1%2f@llm.example/": "an escaped slash in the user name",
    "http://llm.example\\@127.0.0.1/v1": "a backslash, which some take for a slash",
    "http://127.0.0.1\\.llm.example/": "a backslash in the host",
    "http://127.0.0.%31/": "an escape in the host",
    "http://%6c%6f%63alhost/": "escapes in the host",
    "http://[fe80::1%25eth0]/": "a zone",
    "http://[fe80::1%eth0]/": "a zone, unescaped",
    "http://[v1.fe80]/": "an address of a future version",
    "http://[127.0.0.1]/": "IPv4 in brackets",
    "http://[::1/": "half a bracket",
    "http://::1/": "IPv6 without brackets",
    "http://127.0.0.1\t/": "a tab, which some leave out",
    "http://127.0.0.1\n.llm.example/": "a line break",
    "http://127.0.0.1 .llm.example/": "a blank",
    "http://127.0.0.1\x00.llm.example/": "a null byte",
    "http://llm.exa\u00admple/": "a soft hyphen",
    "http://llm.example:0/": "port 0",
    "http://llm.example:65536/": "no port",
    "http://llm.example:80:90/": "two ports",
    "http://llm..example/": "an empty label",
    "http:///v1": "no host",
    "http://./": "nothing but a dot",
    "http:llm.example": "no slashes",
    "//llm.example/v1": "no scheme",
    "llm.example/v1": "nor slashes",
    "ftp://llm.example/": "a scheme we do not speak",
    "file:///etc/passwd": "a file",
    "gopher://127.0.0.1:6379/_INFO": "a scheme that writes what one likes",
    "unix:///var/run/docker.sock": "a socket",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/": "a socket",
    "javascript:alert(1)": "a program",
    "http://llm.example/v1?to=x": "a query",
    "http://llm.example/v1#x": "a fragment",
    "http://256.1.1.1/": "a number too large for its part",
    "http://1.2.3.4.5/": "five parts",
    "http://4294967296/": "a number too large",
    "http://0x1ffffffff/": "too large in hexadecimal",
    "http://127.0.0.08/": "no octal digit",
    "http://1.2.3.0xg/": "no hexadecimal digit, and an end that is a name",
}
"""Addresses that libraries read differently, or that are none, and why."""
NAMES_AFTER_ALL = {"http://1.2.3.0xg/"}

PUBLIC = (
    "https://llm.example/v1",
    "http://llm.example:8080/v1",
    "https://llm.example./v1",
    "https://bücher.example/v1",
    "https://tcb.tencentcloudapi.com",
    "https://env-demo.api.tcloudbasegateway.com",
    "http://8.8.8.8/v1",
    "http://1.1.1.1:11434/v1",
    "http://134744072/v1",
    "http://[2606:4700::1111]/v1",
    "http://[::ffff:8.8.8.8]/v1",
    "http://[64:ff9b::8.8.8.8]/v1",
    "http://172.15.255.255/",
    "http://172.32.0.1/",
    "http://100.128.0.1/",
    "http://my_service.example/",
    "http://ollama:11434/v1",
    "http://notlocalhost/",
)
"""What may be called as far as can be said without a name server."""


def client(pool, url):
    app = OpenAICompatible(base_url=url, api_key="key-1", http=pool, patience=QUICK)
    return app.ai().create_model("custom-lab")


async def answer_of(pool, url):
    result = await client(pool, url).generate_text(
        model="m", messages=[{"role": "user", "content": "hi"}]
    )
    return result.text


class Names(AbstractResolver):
    """A name service that gives these answers, one after another and the last for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": each, "port": port, "family": 0, "proto": 0, "flags": 0}
            for each in found
        ]

    async def close(self):
        pass


def test_the_corpus_is_large_enough():
    assert len(NOT_PUBLIC) + len(ILLEGAL) >= 60
    assert all(NOT_PUBLIC.values())


@pytest.mark.parametrize("host", NOT_PUBLIC, ids=ascii)
def test_an_address_that_is_not_public_is_refused_however_it_is_written(host):
    for scheme in ("http", "https"):
        with pytest.raises(errors.AddressForbidden) as caught:
            addresses.check(f"{scheme}://{host}/v1", NOTHING)
    error = caught.value
    assert (error.stage, error.fixable_by, error.is_retryable) == ("request", "admin", False)
    assert "CHATSITE_PRIVATE_HOSTS" in str(error)


@pytest.mark.parametrize("url", sorted(ILLEGAL.keys() - NAMES_AFTER_ALL), ids=ascii)
def test_an_address_that_can_be_read_in_two_ways_is_refused(url):
    with pytest.raises(errors.IllegalBaseUrl):
        addresses.check(url, NOTHING)
    with pytest.raises(errors.IllegalBaseUrl):
        OpenAICompatible(base_url=url)


@pytest.mark.parametrize("url", [*PUBLIC, *NAMES_AFTER_ALL], ids=ascii)
def test_what_is_public_or_a_name_passes(url):
    addresses.check(url, NOTHING)


async def test_nothing_is_connected_to_where_an_address_is_written():
    """The same corpus, against the real connections: nobody hears anything."""
    async with ModelServer() as service, HttpPool(allowed=NOTHING) as pool:
        port = service.base_url.split(":")[2].removesuffix("/v1")
        for host in NOT_PUBLIC:
            has_port = host.endswith((":8080", ":443"))
            url = f"http://{host}/v1" if has_port else f"http://{host}:{port}/v1"
            with pytest.raises((errors.AddressForbidden, errors.IllegalBaseUrl)):
                await answer_of(pool, url)
        assert service.requests == []


@given(st.ip_addresses(v=4), st.lists(st.sampled_from("dxo"), min_size=4, max_size=4))
def test_however_a_number_is_written_it_is_the_same_address(address, bases):
    """Law: what `inet_aton` understands, we understand in the same way."""
    spelt = {"d": "{}", "x": "0x{:x}", "o": "0{:o}"}
    parts = [spelt[base].format(part) for base, part in zip(bases, address.packed, strict=True)]
    for written in (".".join(parts), spelt[bases[0]].format(int(address))):
        assert socket.inet_aton(written) == address.packed
        (seen,) = addresses.Target.of(written, 80).addresses()
        assert seen == address


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_no_better_than_itself(address):
    plain = addresses.why_not_public(address)
    for embedded in (f"::ffff:{address}", f"64:ff9b::{address}"):
        target = addresses.Target.of(embedded, 80)
        (found,) = target.addresses()
        assert addresses.may_connect(target, found, NOTHING) == (not plain)


@pytest.mark.parametrize(
    ("private", "why"),
    [
        ("127.0.0.1", "loopback"),
        ("10.1.2.3", "private"),
        ("169.254.169.254", "metadata"),
        ("::1", "loopback"),
        ("::ffff:10.0.0.1", "private"),
        ("fd00::1", "private"),
        ("fe80::1%eth0", "link-local"),
    ],
)
async def test_a_name_that_leads_to_a_private_address_is_refused_when_it_is_called(private, why):
    async with HttpPool(allowed=NOTHING, resolver=Names([private])) as pool:
        with pytest.raises(errors.AddressForbidden, match=why) as caught:
            await answer_of(pool, "http://llm.example:8080/v1")
    assert caught.value.params == {"host": "llm.example", "entry": "llm.example:8080"}
    assert caught.value.__cause__ is None


async def test_a_real_name_service_is_guarded_as_well():
    """The system's own, asked for the name of this machine."""
    name = socket.gethostname()
    found = {each[4][0] for each in socket.getaddrinfo(name, 80)}
    if any(not addresses.why_not_public(ip_address(each)) for each in found):
        pytest.skip("this machine's own name leads to a public address")
    async with HttpPool(allowed=NOTHING) as pool:
        with pytest.raises(errors.AddressForbidden):
            await answer_of(pool, f"http://{name}:9/v1")


async def test_only_the_addresses_that_may_be_called_are_connected_to():
    """Of several addresses behind a name the forbidden ones are left out."""
    async with ModelServer() as service:
        port = service.base_url.split(":")[2]
        names = Names(["10.0.0.1", "127.0.0.1", "fd00::1"])
        async with HttpPool(allowed=allowing(["127.0.0.1"]), resolver=names) as pool:
            assert await answer_of(pool, f"http://llm.example:{port}")
        assert len(service.requests) == 1


async def test_a_name_service_that_changes_its_mind_is_not_believed():
    """What is checked is what is connected to: no second answer comes in between, and a later
    one is checked for itself."""
    async with ModelServer() as service:
        url = f"http://llm.example:{service.base_url.split(':')[2]}"
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        allowed = allowing(["127.0.0.1"])
        async with HttpPool(allowed=allowed, resolver=names) as pool:
            assert await answer_of(pool, url)
            assert names.asked == ["llm.example"]
        async with HttpPool(allowed=allowed, resolver=names) as pool:
            with pytest.raises(errors.AddressForbidden):
                await answer_of(pool, url)
        assert len(service.requests) == 1


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
async def test_a_redirect_is_not_followed(status):
    async with Telltale(Failure()) as hidden:
        there = Failure(status, headers=f"Location: {hidden.url}/v1/chat/completions\r\n")
        async with Telltale(there) as public, HttpPool(allowed=allowing(["127.0.0.1"])) as pool:
            with pytest.raises(errors.WrongAddress):
                await answer_of(pool, public.url)
            assert len(public.heard) == 1
        assert hidden.heard == []


async def test_what_is_refused_is_not_tried_again_and_says_no_key():
    names = Names(["10.0.0.1"])
    async with HttpPool(allowed=NOTHING, resolver=names, backoff=0.001) as pool:
        with pytest.raises(errors.AddressForbidden) as caught:
            await answer_of(pool, "http://llm.example/v1")
    assert names.asked == ["llm.example"]
    assert "key-1" not in repr(caught.value.as_dict()) + str(caught.value)


async def test_without_a_list_everything_may_be_called():
    async with ModelServer() as service, HttpPool() as pool:
        assert await answer_of(pool, service.base_url)


@pytest.mark.parametrize(
    ("entries", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1/v1"),
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        ("127.0.0.1", "http://2130706433/v1"),
        ("127.0.0.1", "http://[::ffff:127.0.0.1]/v1"),
        ("127.0.0.1", "http://localhost:11434/v1"),
        ("127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("127.0.0.1:80", "http://127.0.0.1/v1"),
        ("127.0.0.1:443", "https://127.0.0.1/v1"),
        ("2130706433", "http://127.0.0.1/v1"),
        ("localhost", "http://localhost:11434/v1"),
        ("LocalHost.", "http://localhost/v1"),
        ("localhost:11434", "http://localhost:11434/v1"),
        ("10.0.0.0/8", "http://10.20.30.40:8000/v1"),
        ("10.0.0.1/8", "http://10.20.30.40/v1"),
        ("192.168.1.5", "http://192.168.1.5/v1"),
        ("8.8.8.8, 10.0.0.7", "http://10.0.0.7/v1"),
        ("[::1]", "http://[::1]/v1"),
        ("[::1]:8080", "http://[::1]:8080/v1"),
        ("::1", "http://[::1]:8080/v1"),
        ("fd00::/8", "http://[fd00::7]/v1"),
        ("[::ffff:10.0.0.1]", "http://10.0.0.1/v1"),
    ],
)
def test_what_is_listed_may_be_called(entries, url):
    addresses.check(url, allowing(entries.split(",")))


@pytest.mark.parametrize(
    ("entries", "url"),
    [
        ("", "http://127.0.0.1/v1"),
        ("127.0.0.1", "http://127.0.0.2/v1"),
        ("127.0.0.1", "http://[::1]/v1"),
        ("127.0.0.1:11434", "http://127.0.0.1:11435/v1"),
        ("127.0.0.1:11434", "http://127.0.0.1/v1"),
        ("127.0.0.1:80", "https://127.0.0.1/v1"),
        ("localhost", "http://127.0.0.1/v1"),
        ("localhost:80", "http://localhost:81/v1"),
        ("10.0.0.0/8", "http://11.0.0.1.nip.io.localhost/v1"),
        ("10.0.0.0/24", "http://10.0.1.1/v1"),
        ("[::1]:8080", "http://[::1]:8081/v1"),
        ("fd00::/8", "http://[fc00::7]/v1"),
        ("llm.example", "http://10.0.0.1/v1"),
    ],
)
def test_what_is_not_listed_exactly_may_not(entries, url):
    with pytest.raises(errors.AddressForbidden):
        addresses.check(url, allowing(entries.split(",")))


async def test_a_listed_name_may_lead_anywhere_on_its_port():
    async with ModelServer() as service:
        port = service.base_url.split(":")[2].removesuffix("/v1")
        allowed, names = allowing([f"llm.example:{port}"]), Names(["127.0.0.1"])
        async with HttpPool(allowed=allowed, resolver=names) as pool:
            assert await answer_of(pool, f"http://LLM.example.:{port}/v1")
            with pytest.raises(errors.AddressForbidden):
                await answer_of(pool, f"http://sub.llm.example:{port}/v1")
            with pytest.raises(errors.AddressForbidden):
                await answer_of(pool, "http://llm.example:9/v1")


async def test_the_entry_that_the_error_names_is_the_one_that_helps():
    with pytest.raises(errors.AddressForbidden) as caught:
        addresses.check("https://[fd00::7]/v1", NOTHING)
    addresses.check("https://[fd00::7]/v1", allowing([str(caught.value.params["entry"])]))


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "http://127.0.0.1",
        "10.0.0.0/33",
        "a/b",
        "10.0.0.1:0",
        "x:99999",
        "user@x",
        "[::1",
        "1.2.3.4.5",
    ],
)
def test_an_entry_that_means_nothing_is_named(entry):
    with pytest.raises(ValueError, match=r"is no host, host:port, address or network") as caught:
        allowing(["10.0.0.1", entry])
    assert entry in str(caught.value)
