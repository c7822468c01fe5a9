# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way of authenticating, with clients that share nothing with the simulator: pypsrp, pywinrm and requests."""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan
from requests.auth import HTTPDigestAuth
from urllib3.util.connection import is_connection_dropped

from .. import LoggedRequest, Realm, SimulatedComputer, SimulatedFleet, User
from ..authentication import MUTUAL_SCHEME
from ..waiting import PATIENCE, until
from .conftest import SCRIPTS
from .needs import need_kerberos
from .raw_client import SHELL, RawClient

pytestmark = pytest.mark.timing

ALL = ("negotiate", "kerberos", "basic", "digest", "credssp", "certificate")
#: A name that no password rule would allow to mean something else: not ASCII, with the separator of Basic.
USER = User("admin", "pä:ss wörd", administrator=True)
#: As the KDC knows the first computer; clients reach it by address.
HOST = "srv01.lab.test"
CHANNEL = "tls-server-end-point"


@pytest.fixture(scope="module")
def fleet() -> Iterator[SimulatedFleet]:
    """One computer that offers everything; encryption is required over HTTP."""
    scripts = {**SCRIPTS, "huge": [{"output": "y" * 400_000}]}
    switches = {"allow_unencrypted": False, "keep_raw": True}
    with SimulatedFleet.build(["srv01"], [USER], scripts, switches, authentication=ALL) as started:
        yield started


@pytest.fixture
def computer(fleet: SimulatedFleet) -> Iterator[SimulatedComputer]:
    """The computer, with its settings as they were."""
    computer = fleet["srv01"]
    fleet.clear_requests()
    settings = {name: getattr(computer, name) for name in ("authentication", "allow_unencrypted", "channel_binding")}
    yield computer
    usual = {"lockout_after": None, "certificate": "valid", "tls_version": None, "certificate_request": "handshake"}
    computer.configure({**settings, **usual})
    computer.connection_idle_timeout = None
    computer.redirect(None)
    fleet.unlock(USER.name)
    for session in computer.sessions:
        session.close()


@pytest.fixture(scope="module")
def realm() -> Iterator[Realm]:
    """A KDC that knows the user and the computer."""
    need_kerberos()
    with Realm() as started:
        started.add_user(USER.name, USER.password)
        started.add_computer(HOST)
        yield started


def connection(fleet: SimulatedFleet, auth: str, tls: bool = False, **options: Any) -> WSMan:
    """pypsrp's client session."""
    if auth == "credssp":
        pytest.importorskip("requests_credssp")
    computer = fleet["srv01"]
    options = {"username": USER.name, "password": USER.password, **options}
    return WSMan(
        computer.address,
        port=computer.https_port if tls else computer.port,
        ssl=tls,
        auth=auth,
        cert_validation=str(fleet.ca_file) if tls else True,  # type: ignore[arg-type]  # a path is fine
        no_proxy=True,
        **options,
    )


def run(wsman: WSMan, script: str = "hello") -> Any:
    """Run a script in a new session."""
    with RunspacePool(wsman) as pool:
        shell = PowerShell(pool)
        shell.add_script(script)
        return shell.invoke()


def enumerate_shells(computer: SimulatedComputer) -> str:
    """An envelope that lists shells."""
    return RawClient(computer, USER).envelope("Enumerate", "<wsen:Enumerate/>", resource=SHELL)


def pywinrm(fleet: SimulatedFleet, transport: str, tls: bool = False, **options: Any) -> str:
    """List shells with pywinrm."""
    transports = pytest.importorskip("winrm.transport")
    if transport == "credssp":
        pytest.importorskip("requests_credssp")
    computer = fleet["srv01"]
    options = {"username": USER.name, "password": USER.password, **options}
    client = transports.Transport(
        computer.https_uri if tls else computer.uri,
        auth_method=transport,
        ca_trust_path=str(fleet.ca_file) if tls else None,
        proxy=None,
        service="HTTP",
        **options,
    )
    answer: bytes = client.send_message(enumerate_shells(computer))
    return answer.decode()


def last(fleet: SimulatedFleet) -> LoggedRequest:
    """The last request that was carried out."""
    return [request for request in fleet.requests if request.status == 200 and request.operation != "Handshake"][-1]


def seen_in_clear(fleet: SimulatedFleet) -> bool:
    """Whether any body, of requests or answers, was readable on the wire (beneath TLS)."""
    octets = b"".join((request.raw or b"") + (request.raw_answer or b"") for request in fleet.requests)
    assert octets
    return b"Envelope" in octets


# NTLM and CredSSP


@pytest.mark.parametrize("login", ["admin", "ADMIN", "LAB\\admin", "admin@LAB.TEST", "SRV01\\admin", ".\\admin"])
def test_forms_of_names(fleet: SimulatedFleet, computer: SimulatedComputer, login: str) -> None:
    """An account can be named in all the ways that users know."""
    assert run(connection(fleet, "ntlm", username=login)) == ["hello"]
    assert (last(fleet).user, last(fleet).scheme) == ("admin", "ntlm")


@pytest.mark.parametrize("script", ["hello", "huge"])
@pytest.mark.parametrize(("auth", "scheme"), [("ntlm", "ntlm"), ("negotiate", "ntlm"), ("credssp", "credssp")])
def test_encryption(fleet: SimulatedFleet, computer: SimulatedComputer, auth: str, scheme: str, script: str) -> None:
    """Over HTTP all messages are encrypted, in both directions, large ones too."""
    (output,) = run(connection(fleet, auth), script)
    assert len(output) == (400_000 if script == "huge" else 5)
    assert (last(fleet).scheme, last(fleet).encrypted, last(fleet).secure) == (scheme, True, False)
    assert not seen_in_clear(fleet)
    assert {request.connection for request in fleet.requests} == {fleet.requests[0].connection}


def test_pieces_of_credssp(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """More than 16 KiB come in several parts, both ways."""
    with RunspacePool(connection(fleet, "credssp")) as pool:
        shell = PowerShell(pool)
        shell.add_script("echo")
        assert shell.invoke(["z" * 40_000]) == ["z" * 40_000]  # type: ignore[arg-type]  # a list is fine
    kinds = {request.headers.get("Content-Type", "").partition(";")[0] for request in fleet.requests}
    assert {"multipart/encrypted", "multipart/x-multi-encrypted"} <= kinds
    answers = [request.raw_answer for request in fleet.requests if request.raw_answer]
    assert max(answer.count(b"HTTP-CredSSP-session-encrypted") for answer in answers) >= 3
    assert not seen_in_clear(fleet)


@pytest.mark.parametrize("encryption", ["auto", "always"])
@pytest.mark.parametrize("auth", ["ntlm", "negotiate", "credssp"])
def test_tls(fleet: SimulatedFleet, computer: SimulatedComputer, auth: str, encryption: str) -> None:
    """Inside TLS encryption is the client's choice."""
    assert run(connection(fleet, auth, tls=True, encryption=encryption)) == ["hello"]
    assert (last(fleet).encrypted, last(fleet).secure) == (encryption == "always", True)
    assert last(fleet).channel_bound is (None if auth == "credssp" else True)


def test_fault_is_encrypted(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """An encrypted request that fails gets an encrypted fault."""
    computer.add_session("s", state="Connected")
    wsman = connection(fleet, "ntlm")
    (pool,) = RunspacePool.get_runspace_pools(wsman)
    with pytest.raises(WSManFaultError) as refused:
        pool.connect()
    assert (refused.value.code, refused.value.machine) == (0x803381CD, "SRV01")
    assert not seen_in_clear(fleet)


@pytest.mark.parametrize("transport", ["ntlm", "credssp"])
@pytest.mark.parametrize(("tls", "encryption"), [(False, "auto"), (True, "auto"), (True, "always")])
def test_pywinrm(
    fleet: SimulatedFleet, computer: SimulatedComputer, transport: str, tls: bool, encryption: str
) -> None:
    """The other client, with its own code for encryption."""
    assert "EnumerateResponse" in pywinrm(fleet, transport, tls, message_encryption=encryption)
    encrypted = not tls or encryption == "always"
    assert (last(fleet).scheme, last(fleet).encrypted, last(fleet).secure) == (transport, encrypted, tls)


@pytest.mark.parametrize("allowed", [True, None, False])
def test_plain_messages(fleet: SimulatedFleet, computer: SimulatedComputer, allowed: bool | None) -> None:
    """Who can encrypt must, unless plain messages are allowed; who cannot may by default."""
    computer.allow_unencrypted = allowed
    if allowed:
        assert run(connection(fleet, "ntlm", encryption="never")) == ["hello"]
        assert seen_in_clear(fleet)
    else:
        with pytest.raises(AuthenticationError):
            run(connection(fleet, "ntlm", encryption="never"))
        assert "Unencrypted" in {request.operation for request in fleet.requests}
    if allowed is False:
        with pytest.raises(AuthenticationError):
            run(connection(fleet, "basic", encryption="never"))
    else:
        assert run(connection(fleet, "basic", encryption="never")) == ["hello"]


# Refused


@pytest.mark.parametrize("name", ["admin", "LAB\\admin", "nobody"])
@pytest.mark.parametrize("auth", ["basic", "ntlm", "negotiate", "credssp"])
def test_wrong_password(fleet: SimulatedFleet, computer: SimulatedComputer, auth: str, name: str) -> None:
    """It gets a 401 without a reason, once, and is counted."""
    bare = name.rpartition("\\")[2]
    before = fleet.failed_logons.get(bare, 0)
    with pytest.raises(Exception, match=r"uthenticat|CredSSP token"):
        run(connection(fleet, auth, tls=True, username=name, password="wrong"))
    assert {request.status for request in fleet.requests} == {401}
    assert {request.user for request in fleet.requests} == {None}
    counted = fleet.failed_logons.get(bare, 0) + (fleet.failed_logons.get(name, 0) if name != bare else 0)
    assert counted == before + 1


def test_lockout(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """After so many wrong passwords the right one does not help; one right password in between does."""
    computer.lockout_after = 2

    def try_password(password: str, auth: str = "ntlm") -> bool:
        try:
            return bool(run(connection(fleet, auth, tls=True, password=password)) == ["hello"])
        except AuthenticationError:
            return False

    outcomes = [try_password(word) for word in ("wrong", USER.password, "wrong", "wrong", USER.password)]
    assert outcomes == [False, True, False, False, False]
    assert not try_password(USER.password, "basic")
    fleet.unlock(USER.name)
    assert try_password(USER.password, "basic")


def test_offers(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A computer offers what it is set up for, and nothing else works."""

    def offered(uri: str) -> list[str]:
        answer = requests.post(uri, verify=str(fleet.ca_file), timeout=PATIENCE)
        return answer.headers.get("WWW-Authenticate", "").split(", ")

    computer.authentication = ("kerberos", "negotiate", "credssp")
    assert offered(computer.uri) == ["Kerberos", "Negotiate", "CredSSP"]
    computer.authentication = "credssp"
    assert offered(computer.https_uri) == ["CredSSP"]
    with pytest.raises(AuthenticationError):
        run(connection(fleet, "ntlm"))
    computer.authentication = ["basic", "certificate"]
    assert offered(computer.uri) == [""]
    assert offered(computer.https_uri) == ['Basic realm="WSMAN"']
    with pytest.raises(ValueError, match="smoke signals"):
        computer.authentication = ["smoke signals"]


def test_declared(fleet: SimulatedFleet) -> None:
    """YAML has the schemes for the fleet and per computer."""
    declared = {"authentication": "negotiate", "computers": [{"name": "a"}, {"name": "b", "authentication": ["basic"]}]}
    built = SimulatedFleet(declared)
    assert [tuple(computer.authentication) for computer in built] == [("negotiate",), ("basic",)]
    assert tuple(SimulatedFleet.build(["a"])["a"].authentication) == ("basic",)


# Digest


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("tls", [False, True])
def test_digest(fleet: SimulatedFleet, computer: SimulatedComputer, algorithm: str, tls: bool) -> None:
    """Both algorithms; a nonce lasts until it is stale, and is then replaced without a new password."""
    computer.authentication, computer.digest_algorithms = ["digest"], [algorithm]
    computer.allow_unencrypted = None
    with requests.Session() as session:
        session.trust_env = False
        session.auth, session.verify = HTTPDigestAuth(USER.name, USER.password), str(fleet.ca_file)
        session.headers["Content-Type"] = "application/soap+xml;charset=UTF-8"
        uri = computer.https_uri if tls else computer.uri
        for statuses in ([401, 200], [200], [401, 200]):
            fleet.clear_requests()
            answer = session.post(uri, enumerate_shells(computer), timeout=PATIENCE)
            assert [request.status for request in fleet.requests] == statuses
            assert "EnumerateResponse" in answer.text
            if len(statuses) == 1:
                fleet.expire_nonces()
        assert "stale=true" in answer.history[0].headers["WWW-Authenticate"]
    assert (last(fleet).scheme, last(fleet).user) == ("digest", "admin")
    before = fleet.failed_logons.get("admin", 0)
    wrong = requests.post(
        uri, enumerate_shells(computer), auth=HTTPDigestAuth("admin", "x"), verify=str(fleet.ca_file), timeout=10
    )
    assert (wrong.status_code, fleet.failed_logons["admin"]) == (401, before + 1)


@pytest.mark.parametrize("scheme", ["Negotiate", "Kerberos", "CredSSP", "Digest", "Basic", "Bearer"])
@pytest.mark.parametrize(
    "octets",
    [b"", b"?", b"NTLMSSP\0", b"NTLMSSP\0\3\0\0\0", b"\x60\x10" + bytes(30), b"\x16\3\1\0\1x"],
    ids=["nothing", "letter", "start of NTLM", "end of NTLM", "start of SPNEGO", "start of TLS"],
)
def test_nonsense(fleet: SimulatedFleet, computer: SimulatedComputer, scheme: str, octets: bytes) -> None:
    """Nothing but a 401 comes of it, also in the second round."""
    computer.allow_unencrypted = None
    with requests.Session() as session:
        session.trust_env = False
        for token in (octets, octets, b"NTLMSSP\0\1\0\0\0" + bytes(32), octets):
            header = {"Authorization": f"{scheme} {base64.b64encode(token).decode()}"}
            assert session.post(computer.uri, b"", headers=header, timeout=PATIENCE).status_code == 401


# Certificates


def test_client_certificate(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A mapped certificate lets in, over HTTPS and where that is offered."""
    mine, stranger = fleet.make_client_certificate(USER), fleet.make_client_certificate("admin", mapped=False)
    protected = fleet.make_client_certificate(USER, key_password="key secret", with_pkcs12=False)
    assert (len(mine.sha1), len(mine.sha256), mine.sha1.upper()) == (40, 64, mine.sha1)
    assert mine.pkcs12 is not None
    assert protected.pkcs12 is None
    assert b"ENCRYPTED" in protected.key_pem.read_bytes()

    def come(certificate: Any) -> Any:
        files = {"certificate_pem": str(certificate.cert_pem), "certificate_key_pem": str(certificate.key_pem)}
        return run(connection(fleet, "certificate", tls=True, username=None, password=None, **files))

    assert come(mine) == ["hello"]
    assert (last(fleet).user, last(fleet).scheme) == ("admin", "certificate")
    files = {"cert_pem": str(mine.cert_pem), "cert_key_pem": str(mine.key_pem), "username": None, "password": None}
    assert "EnumerateResponse" in pywinrm(fleet, "certificate", tls=True, **files)
    with pytest.raises(AuthenticationError):
        come(stranger)
    computer.authentication = ["basic"]
    with pytest.raises(AuthenticationError):
        come(mine)


def test_client_certificate_after_the_handshake(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """With TLS 1.3 it can be asked for when a request wants to log on by it; who cannot do that is cut off."""
    computer.configure({"certificate_request": "request", "tls_version": "1.3"})
    certificate = fleet.make_client_certificate(USER)
    files = {"certificate_pem": str(certificate.cert_pem), "certificate_key_pem": str(certificate.key_pem)}
    assert run(connection(fleet, "certificate", tls=True, username=None, password=None, **files)) == ["hello"]
    assert last(fleet).scheme == "certificate"
    assert run(connection(fleet, "basic", tls=True)) == ["hello"]
    context = ssl.create_default_context(cafile=str(fleet.ca_file))
    context.load_cert_chain(certificate.cert_pem, certificate.key_pem)
    for able in (True, False):
        context.post_handshake_auth = able
        client = http.client.HTTPSConnection(computer.address, computer.https_port, timeout=PATIENCE, context=context)
        client.request("POST", "/wsman", headers={"Authorization": MUTUAL_SCHEME})
        if able:
            assert client.getresponse().status == 200
        else:
            with pytest.raises((OSError, http.client.RemoteDisconnected)):
                client.getresponse()
        client.close()


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [("other_name", "mismatch"), ("other_ca", "local issuer"), ("expired", "expired"), ("revoked", "revoked")],
)
def test_bad_server_certificate(fleet: SimulatedFleet, computer: SimulatedComputer, kind: str, complaint: str) -> None:
    """A client that verifies does not go on, and nobody sees its password."""
    computer.certificate = kind
    context = ssl.create_default_context(cafile=str(fleet.ca_file))
    context.load_verify_locations(fleet.crl_file)
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    with (
        socket.create_connection((computer.address, computer.https_port), PATIENCE) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match=complaint),
    ):
        context.wrap_socket(plain, server_hostname=computer.address)
    if kind == "other_ca":
        context = ssl.create_default_context(cafile=str(fleet.other_ca_file))
        with socket.create_connection((computer.address, computer.https_port), PATIENCE) as plain:
            context.wrap_socket(plain, server_hostname="srv01").close()
    if kind != "revoked":  # the client does not know revocation lists
        with pytest.raises(requests.exceptions.SSLError):
            run(connection(fleet, "basic", tls=True))
    assert not [request for request in fleet.requests if request.user]


def test_server_name_and_version(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """The log has the name that the client asked for; a computer can be limited to one version of TLS."""
    context = ssl.create_default_context(cafile=str(fleet.ca_file))
    client = http.client.HTTPSConnection("srv01", context=context, timeout=PATIENCE)
    for name in ("srv01", None):
        plain = socket.create_connection((computer.address, computer.https_port), PATIENCE)
        context.check_hostname = name is not None
        client.sock = context.wrap_socket(plain, server_hostname=name)
        client.request("POST", "/wsman")
        assert client.getresponse().status == 401
        assert fleet.requests[-1].server_name == name
        client.close()
    computer.tls_version = "1.1"
    with pytest.raises(requests.exceptions.SSLError):
        run(connection(fleet, "basic", tls=True))
    computer.tls_version = "1.2"
    assert run(connection(fleet, "basic", tls=True)) == ["hello"]


# Channel binding


class _WrongBinding:
    """pypsrp's idea of the certificate, spoiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from pypsrp.negotiate import HTTPNegotiateAuth

        spoiled = staticmethod(lambda _response: CHANNEL.encode() + b":" + bytes(32))
        monkeypatch.setattr(HTTPNegotiateAuth, "_get_cbt_data", spoiled)


@pytest.mark.parametrize(
    ("mode", "sent", "accepted"),
    [
        *(("none", sent, True) for sent in ("right", "missing", "wrong")),
        *(("relaxed", sent, sent != "wrong") for sent in ("right", "missing", "wrong")),
        *(("strict", sent, sent == "right") for sent in ("right", "missing", "wrong")),
    ],
)
@pytest.mark.parametrize("auth", ["ntlm", "negotiate", "kerberos"])
def test_channel_binding(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    auth: str,
    mode: str,
    sent: str,
    accepted: bool,
) -> None:
    """The three modes with right, missing and wrong bindings, for NTLM, NTLM in SPNEGO, and Kerberos."""
    options: dict[str, Any] = {"negotiate_send_cbt": sent != "missing"}
    if auth == "kerberos":
        request.getfixturevalue("realm")
        options.update(username="admin@LAB.TEST", negotiate_hostname_override=HOST)
    computer.channel_binding = mode
    if sent == "wrong":
        _WrongBinding(monkeypatch)
    client = connection(fleet, auth, tls=True, **options)
    if not accepted:
        with pytest.raises(AuthenticationError):
            run(client)
        assert {logged.status for logged in fleet.requests} == {401}
        return
    assert run(client) == ["hello"]
    unknown = auth == "kerberos" and mode == "none"
    assert last(fleet).channel_bound is (None if unknown else sent == "right")


# Stale contexts


@pytest.mark.parametrize("auth", ["ntlm", "credssp"])
def test_forgotten(fleet: SimulatedFleet, computer: SimulatedComputer, auth: str) -> None:
    """The next encrypted request gets a bare 400, a fresh authentication works."""
    wsman = connection(fleet, auth)
    assert run(wsman) == ["hello"]
    computer.forget_authentication()
    fleet.clear_requests()
    with pytest.raises(WinRMTransportError) as stale:
        RunspacePool(wsman).open()
    assert stale.value.code == 400
    assert [(request.status, request.raw_answer or b"") for request in fleet.requests] == [(400, b"")]
    wsman.transport.encryption = None  # which makes the client authenticate again, on the same connection
    assert run(wsman) == ["hello"]
    assert len({request.connection for request in fleet.requests}) == 1


def kept(wsman: WSMan) -> list[Any]:
    """The idle connections of a client."""
    assert wsman.transport.session is not None
    adapter = wsman.transport.session.get_adapter("http://")
    assert isinstance(adapter, requests.adapters.HTTPAdapter)
    manager = adapter.poolmanager
    pools = [manager.pools[key] for key in manager.pools.keys()]  # noqa: SIM118 (no dict)
    return [connection for pool in pools for connection in list(pool.pool.queue) if connection is not None]


def test_idle_connection(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """An idle connection is closed, and a new one knows nobody."""
    computer.connection_idle_timeout = 120
    wsman = connection(fleet, "ntlm")
    assert run(wsman) == ["hello"]
    fleet.clock.advance(121)
    until(lambda: all(is_connection_dropped(each) for each in kept(wsman)), "the end of the idle connection")
    first = fleet.requests[-1].connection
    with pytest.raises(WinRMTransportError) as stale:
        RunspacePool(wsman).open()
    assert (stale.value.code, fleet.requests[-1].connection != first) == (400, True)
    wsman.transport.encryption = None
    assert run(wsman) == ["hello"]


@pytest.mark.parametrize("how", ["cut", "spoiled", "unknown protocol"])
def test_unreadable(fleet: SimulatedFleet, computer: SimulatedComputer, how: str) -> None:
    """An encrypted body that cannot be decrypted gets a bare 400."""
    wsman = connection(fleet, "ntlm")
    assert run(wsman) == ["hello"]
    encryption = wsman.transport.encryption
    assert encryption is not None
    whole = encryption.wrap_message

    def broken(message: bytes) -> tuple[str, bytes]:
        content_type, body = whole(message)
        if how == "unknown protocol":
            encryption.protocol = "application/HTTP-Kerberos-session-encrypted"
        return content_type, {"cut": body[:-300], "spoiled": body.replace(body[-40:], bytes(40))}.get(how, body)

    encryption.wrap_message = broken  # type: ignore[method-assign]
    with pytest.raises(WinRMTransportError) as refused:
        RunspacePool(wsman).open()
    assert refused.value.code == 400


# Kerberos


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("service", ["HTTP", "WSMAN", "host"])
@pytest.mark.parametrize(("auth", "offered"), [("kerberos", ALL), ("negotiate", ALL), ("kerberos", ["kerberos"])])
def test_kerberos(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    realm: Realm,
    auth: str,
    offered: list[str],
    service: str,
    tls: bool,
) -> None:
    """By password; in SPNEGO, and bare with its own kind of encrypted messages."""
    computer.authentication = offered
    options = {"negotiate_service": service, "negotiate_hostname_override": HOST, "username": "admin@LAB.TEST"}
    (output,) = run(connection(fleet, auth, tls, **options), "huge")
    assert len(output) == 400_000
    assert (last(fleet).scheme, last(fleet).user, last(fleet).encrypted) == ("kerberos", "admin", not tls)
    if not tls:
        kind = "SPNEGO" if len(offered) > 1 else "Kerberos"
        assert f"HTTP-{kind}-session-encrypted" in last(fleet).headers["Content-Type"]
        assert not seen_in_clear(fleet)


@pytest.mark.parametrize("tls", [False, True])
def test_ticket_cache(fleet: SimulatedFleet, computer: SimulatedComputer, realm: Realm, tls: bool) -> None:
    """A ticket from kinit is enough; without one, or with another host's name, there is no way."""
    ticket: dict[str, Any] = {"username": None, "password": None, "negotiate_hostname_override": HOST}
    with realm.using(realm.kinit(USER.name, USER.password)):
        assert run(connection(fleet, "kerberos", tls, **ticket)) == ["hello"]
        options = {"username": "admin@LAB.TEST", "password": None, "kerberos_hostname_override": HOST}
        assert "EnumerateResponse" in pywinrm(fleet, "kerberos", tls, **options)
        assert (last(fleet).scheme, last(fleet).encrypted) == ("kerberos", not tls)
        with pytest.raises(Exception, match="not found in Kerberos database"):
            run(connection(fleet, "kerberos", tls, **{**ticket, "negotiate_hostname_override": "srv99.lab.test"}))
    with pytest.raises(Exception, match="No Kerberos credentials available"):
        run(connection(fleet, "kerberos", tls, **ticket))


def test_bad_tickets(fleet: SimulatedFleet, computer: SimulatedComputer, realm: Realm) -> None:
    """An expired ticket, one of a client whose clock is wrong, and none for a wrong password."""
    ticket: dict[str, Any] = {"username": None, "password": None, "negotiate_hostname_override": HOST}
    short, early = (realm.kinit(USER.name, USER.password, lifetime=lifetime) for lifetime in ("1s", None))
    realm.skew(early, 3600)
    with realm.using(early), pytest.raises(Exception, match="Clock skew too great"):
        run(connection(fleet, "kerberos", **ticket))
    time.sleep(1.1)
    with realm.using(short), pytest.raises(Exception, match="expired"):
        run(connection(fleet, "kerberos", **ticket))
    with pytest.raises(RuntimeError, match="Password incorrect"):
        realm.kinit(USER.name, "wrong")
    before = fleet.failed_logons
    with pytest.raises(Exception, match="Preauthentication failed"):
        run(connection(fleet, "kerberos", username="admin@LAB.TEST", password="wrong"))
    assert fleet.failed_logons == before


def test_credssp_with_kerberos(fleet: SimulatedFleet, computer: SimulatedComputer, realm: Realm) -> None:
    """CredSSP carries Kerberos as well; its library asks for the host by the name in the URL."""
    realm.add_service(f"HTTP/{computer.address}")
    wsman = connection(fleet, "credssp", username="admin@LAB.TEST", credssp_auth_mechanism="kerberos")
    assert run(wsman) == ["hello"]
    assert last(fleet).scheme == "credssp"


def test_two_realms(realm: Realm) -> None:
    """Realms do not get in each other's way; the environment is as before when one ends."""
    before = dict(os.environ)
    with Realm() as other:
        assert os.environ["KRB5_CONFIG"] == other.environment["KRB5_CONFIG"] != before["KRB5_CONFIG"]
    assert dict(os.environ) == before
