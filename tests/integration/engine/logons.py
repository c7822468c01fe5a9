# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways to log on, as an inventory and a task would ask for them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from typing import Any

from tests.integration.engine.controller import ADMIN, Controller, Result
from tests.simulator import ClientCertificate, LoggedRequest, Realm, SimulatedFleet

#: As the KDC knows the first computer, which clients reach by its address.
HOST = "srv01.lab.test"
PRINCIPAL = "admin@LAB.TEST"
ALL_SCHEMES = ("negotiate", "kerberos", "basic", "digest", "credssp", "certificate")
#: A server where certificates are mapped, too, and that wants everything encrypted.
DEMANDING = {"authentication": ALL_SCHEMES, "allow_unencrypted": False, "keep_raw": True}

_NAMED = {"negotiate_hostname_override": HOST}
_NO_PASSWORD = {"password": None}
#: What the inventory says for each way.
WAYS: Mapping[str, Mapping[str, Any]] = {
    "basic": {"authentication": "basic"},
    "digest": {"authentication": "digest"},
    "NTLM": {"authentication": "negotiate"},
    "Negotiate": {"authentication": "negotiate", "username": PRINCIPAL, **_NAMED},
    "Kerberos, password": {"authentication": "kerberos", "username": PRINCIPAL, **_NAMED},
    "Kerberos, ticket": {"authentication": "kerberos", "username": PRINCIPAL, **_NO_PASSWORD, **_NAMED},
    "implicit": {**_NO_PASSWORD, **_NAMED},
    "CredSSP": {"authentication": "credssp"},
    "thumbprint": {},
    "PEM": {"authentication": "certificate"},
}
NEED_REALM = {"Negotiate", "Kerberos, password", "Kerberos, ticket", "implicit"}


@functools.cache
def _certificate(fleet: SimulatedFleet) -> ClientCertificate:
    return fleet.make_client_certificate(ADMIN)


def set_up(controller: Controller, fleet: SimulatedFleet, way: str, tls: bool = False, **more: Any) -> dict[str, Any]:
    """Have the inventory log on to `srv01` in a way; returns the options of the task that belong to it."""
    settings = {"message_encryption": "auto", "use_ssl": tls, "ca_cert": str(fleet.ca_file), **WAYS[way]}
    options: dict[str, Any] = {}
    # Where TLS does not verify the server, a task has to insist on handing over the password.
    controller.options = {"authentication": "credssp"} if way == "CredSSP" and not tls else {}
    if way == "implicit":
        options = {"authentication": "negotiate_with_implicit_credential"}
    if way == "thumbprint":
        certificate = _certificate(fleet)
        options = {
            "certificate_thumbprint": certificate.sha1,
            "certificate_store": str(certificate.cert_pem.parent),
        }
    if way == "PEM":
        certificate = _certificate(fleet)
        settings["certificate_pem"] = str(certificate.cert_pem)
        settings["certificate_key_pem"] = str(certificate.key_pem)
    controller.inventory["srv01"] = {**settings, **more}
    return options


@contextlib.contextmanager
def tickets_for(way: str, realm: Realm | None) -> Iterator[None]:
    """Have a ticket where a way takes one."""
    if realm is None or way not in ("Kerberos, ticket", "implicit"):
        yield
        return
    with realm.using(_ticket(realm)):
        yield


@functools.cache
def _ticket(realm: Realm) -> Any:
    return realm.kinit(ADMIN.name, ADMIN.password)


def carried_out(fleet: SimulatedFleet) -> list[LoggedRequest]:
    """The requests that did something, without those that only log on."""
    return [request for request in fleet.requests if request.status == 200 and request.operation != "Handshake"]


def schemes_seen(fleet: SimulatedFleet) -> set[str | None]:
    """The schemes by which users have logged on."""
    return {each.scheme for each in fleet.requests if each.user}


def octets_on_the_wire(fleet: SimulatedFleet) -> bytes:
    """All bodies as they were sent both ways, beneath TLS."""
    return b"".join((request.raw or b"") + (request.raw_answer or b"") for request in fleet.requests)


def hints(result: Result) -> list[str]:
    """What the errors of a result advise."""
    return [error["hint"] for error in result["errors"]]
