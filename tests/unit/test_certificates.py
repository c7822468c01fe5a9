# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Client certificates are found by thumbprint, each with its private key."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import ClientCertificate
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import ParameterBindingError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.target import certificates
from tests.simulator.certificates import CertificateAuthority
from tests.simulator.certificates import ClientCertificate as Made

PASSWORD = "key-pässword"


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with what lies about in such folders beside the certificate that is meant."""
    folder = tmp_path / "store"
    folder.mkdir()
    authority = CertificateAuthority(tmp_path, "other")
    for number in range(2):
        other = authority.issue_client(f"other{number}", key_password="another", with_pkcs12=bool(number))
        for path in filter(None, (other.cert_pem, other.key_pem, other.pkcs12)):
            path.rename(folder / f"{number}-{path.name}")
    (folder / "ca.pem").write_bytes(authority.ca_file.read_bytes())
    (folder / "empty.pem").touch()
    (folder / "notes.txt").write_text("-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n")
    (folder / "key-notes.txt").write_text("-----BEGIN PRIVATE KEY-----\nnot one\n-----END PRIVATE KEY-----\n")
    (folder / "damaged.pfx").write_bytes(b"\x30\x82")
    (folder / "folder.pem").mkdir()
    return folder


def put(store: Path, made: Made) -> tuple[str, str]:
    """Put a certificate and its key into a store, as two PEM files; returns where."""
    certificate, key = store / "me.pem", store / "zz-key-of-me.pem"
    certificate.write_bytes(made.cert_pem.read_bytes())
    key.write_bytes(made.key_pem.read_bytes())
    return str(certificate), str(key)


def find(thumbprint: str, store: Path, password: str | None = None) -> ClientCertificate:
    return certificates.find(thumbprint, str(store), password)


def in_pairs(thumbprint: str, separator: str) -> str:
    return separator.join(thumbprint[start : start + 2] for start in range(0, len(thumbprint), 2))


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize(
    "write",
    [
        str,
        str.lower,
        lambda text: in_pairs(text, ":"),
        lambda text: in_pairs(text.lower(), " "),
        # As copied from the certificate dialogue of Windows, with its invisible mark.
        lambda text: f"\u200e {text} ",
    ],
    ids=["upper case", "lower case", "colons", "blanks", "copied"],
)
def test_every_way_to_write_a_thumbprint(
    authority: CertificateAuthority, store: Path, algorithm: str, write: Callable[[str], str]
) -> None:
    made = authority.issue_client("me", with_pkcs12=False)
    certificate, key = put(store, made)
    assert find(write(getattr(made, algorithm)), store) == ClientCertificate(certificate, key)


def test_a_key_in_a_file_of_its_own(authority: CertificateAuthority, store: Path) -> None:
    made = authority.issue_client("me")
    certificate, key = put(store, made)
    assert find(made.sha1, store) == ClientCertificate(certificate, key)


def test_a_key_in_the_file_of_the_certificate(authority: CertificateAuthority, store: Path) -> None:
    made = authority.issue_client("me")
    both = store / "both.txt"
    both.write_bytes(made.key_pem.read_bytes() + made.cert_pem.read_bytes())
    assert find(made.sha256, store) == ClientCertificate(str(both), None)


def test_a_certificate_that_comes_with_its_chain(authority: CertificateAuthority, store: Path) -> None:
    made = authority.issue_client("me")
    certificate, key = put(store, made)
    Path(certificate).write_bytes(made.cert_pem.read_bytes() + authority.ca_file.read_bytes())
    assert find(made.sha1, store) == ClientCertificate(certificate, key)


def test_an_encrypted_key(authority: CertificateAuthority, store: Path) -> None:
    made = authority.issue_client("me", key_password=PASSWORD, with_pkcs12=False)
    certificate, key = put(store, made)
    assert find(made.sha1, store, PASSWORD) == ClientCertificate(certificate, key, PASSWORD)
    for wrong in (None, "", "wrong"):
        with pytest.raises(ParameterBindingError, match=r"private key of .*me.pem .*certificate_key_password"):
            find(made.sha1, store, wrong)


def test_a_password_that_the_key_does_not_need(authority: CertificateAuthority, store: Path) -> None:
    made = authority.issue_client("me", with_pkcs12=False)
    certificate, key = put(store, made)
    assert find(made.sha1, store, PASSWORD) == ClientCertificate(certificate, key, PASSWORD)


@pytest.mark.parametrize("ending", [".pfx", ".P12"])
def test_pkcs12(authority: CertificateAuthority, store: Path, ending: str) -> None:
    made = authority.issue_client("me", key_password=PASSWORD)
    assert made.pkcs12 is not None
    path = store / f"me{ending}"
    path.write_bytes(made.pkcs12.read_bytes())
    assert find(made.sha1, store, PASSWORD) == ClientCertificate(str(path), None, PASSWORD)
    # What it holds can only be seen with its password.
    with pytest.raises(ParameterBindingError, match="no certificate with the thumbprint"):
        find(made.sha1, store, "wrong")


def test_a_certificate_without_its_key(authority: CertificateAuthority, store: Path) -> None:
    made = authority.issue_client("me", with_pkcs12=False)
    _certificate, key = put(store, made)
    os.remove(key)
    with pytest.raises(ParameterBindingError, match=r"the private key of .*me.pem is not in the store"):
        find(made.sha1, store)


def test_a_certificate_that_is_not_there(authority: CertificateAuthority, store: Path) -> None:
    made = authority.issue_client("me")
    with pytest.raises(ParameterBindingError, match="no certificate with the thumbprint") as refused:
        find(made.sha1, store)
    assert (refused.value.error_id, refused.value.category) == ("ParameterArgumentValidationError", "InvalidData")
    assert str(store) in refused.value.message


@pytest.mark.parametrize("thumbprint", ["AB12", "0" * 39, "g" * 40, "0" * 64 + "0", ":", "ä" * 40])
def test_what_is_no_thumbprint(store: Path, thumbprint: str) -> None:
    with pytest.raises(ParameterBindingError, match=r"certificate_thumbprint: .* is not a SHA-1 or SHA-256"):
        find(thumbprint, store)


def test_a_store_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("nowhere", "file"):
        with pytest.raises(ParameterBindingError, match=f"certificate store .*{place} cannot be read: "):
            find("0" * 40, tmp_path / place)
    with pytest.raises(ParameterBindingError, match="certificate_thumbprint"):
        certificates.find("0" * 40, "", None)


def test_files_that_others_keep_to_themselves_are_passed_over(
    authority: CertificateAuthority, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = authority.issue_client("me", with_pkcs12=False)
    certificate, key = put(store, made)
    unreadable = {str(store / "ca.pem"), str(store / "key-notes.txt")}
    really_open = builtins.open

    def open_some(path: Any, *arguments: Any, **keywords: Any) -> Any:
        if path in unreadable:
            raise PermissionError(13, "Permission denied", path)
        return really_open(path, *arguments, **keywords)

    monkeypatch.setattr(builtins, "open", open_some)
    assert find(made.sha1, store) == ClientCertificate(certificate, key)
    unreadable.add(key)
    with pytest.raises(ParameterBindingError, match=r"private key of .*me.pem is not in the store"):
        find(made.sha1, store)


def test_passwords_stay_out_of_messages_and_representations(authority: CertificateAuthority, store: Path) -> None:
    made = authority.issue_client("me", key_password=PASSWORD, with_pkcs12=False)
    put(store, made)
    assert PASSWORD not in repr(find(made.sha1, store, PASSWORD))
    with pytest.raises(ParameterBindingError) as refused:
        find("0" * 40, store, PASSWORD)
    assert PASSWORD not in refused.value.message
