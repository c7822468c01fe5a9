# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values as PowerShell 7.6.9 on Linux sent them, and what they become; then what only a bad server sends.

`tests/integration/engine/test_powershell_values.py` runs the scripts of the same file in a real PowerShell.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.clixml import DEEPER, DEEPEST, NO_MORE
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.dotnet import MAX_DIGITS
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.records import to_plain

CAPTURED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("captured_values.json").read_text("utf-8"))

CERTIFICATE = "System.Security.Cryptography.X509Certificates.X509Certificate2"
DISTINGUISHED_NAME = "System.Security.Cryptography.X509Certificates.X500DistinguishedName"
ERROR = "System.Management.Automation.ErrorRecord"
INFORMATION = "System.Management.Automation.InformationRecord"
WARNING = "System.Management.Automation.InformationalRecord"


def typed(name: str, inside: str, ref_id: int = 0) -> str:
    return f"<Obj RefId='{ref_id}'><TN RefId='{ref_id}'><T>{name}</T><T>System.Object</T></TN>{inside}</Obj>"


def raw(name: str, data: bytes) -> Any:
    return to_plain(typed(name, f"<Props><BA N='RawData'>{base64.b64encode(data).decode()}</BA></Props>"))


@pytest.mark.parametrize("captured", CAPTURED, ids=lambda captured: captured["script"][:60])
def test_captured(captured: dict[str, Any]) -> None:
    value = to_plain(captured["clixml"])
    assert (value, type(value)) == (captured["value"], type(captured["value"]))


class TestNumbers:
    def test_integers_have_a_limit(self) -> None:
        digits = "-" + "9" * MAX_DIGITS
        assert to_plain(typed("System.Numerics.BigInteger", f"<ToString>{digits}</ToString>")) == int(digits)
        assert to_plain(typed("System.Numerics.BigInteger", f"<ToString>{digits}9</ToString>")) == f"{digits}9"

    @pytest.mark.parametrize("text", ["1_0", "", "٣", "0x10", "1.5"])
    def test_other_text_stays_text(self, text: str) -> None:
        assert to_plain(typed("System.Numerics.BigInteger", f"<ToString>{text}</ToString>")) == text

    @pytest.mark.parametrize(
        ("text", "number"),
        [("1.5", 1.5), ("-6E-08", -6e-08), ("NaN", "NaN"), ("-Infinity", "-Infinity"), ("1_0", "1_0")],
    )
    def test_halves(self, text: str, number: object) -> None:
        assert to_plain(typed("System.Half", f"<ToString>{text}</ToString>")) == number


class TestDates:
    def test_without_its_properties_a_date_is_its_text(self) -> None:
        for name in ("System.DateTimeOffset", "System.DateOnly", "System.TimeOnly"):
            assert to_plain(typed(name, "<ToString>1.2.26 +02:00</ToString>")) == "1.2.26 +02:00"

    def test_an_offset_of_an_odd_number_of_minutes(self) -> None:
        sent = "<ToString>01/02/2026 03:04:05 -03:30</ToString><Props><DT N='DateTime'>2026-01-02T03:04:05</DT></Props>"
        assert to_plain(typed("System.DateTimeOffset", sent)) == "2026-01-02T03:04:05-03:30"


class TestDistinguishedNames:
    @pytest.mark.parametrize(
        ("der", "name"),
        [
            ("MCIxDzANBgNVBAsTBmErT1U9YjEPMA0GA1UEAwwGcXVvInRl", 'CN="quo""te", OU="a+OU=b"'),
            ("MBExDzANBgNVBAMTBnRyYWlsIA==", 'CN="trail "'),
            ("MAsxCTAHBgNVBAMTAA==", 'CN=""'),
            ("MBoxCjAIBgNVBAMTAXgxDDAKBgMqAwQTA2Zvbw==", "OID.1.2.3.4=foo, CN=x"),
            ("MCIxCjAIBgNVBAMTAXgxFDASBgkqhkiG9w0BCQEWBWFAYi5j", "E=a@b.c, CN=x"),
            ("MBUxEzARBgNVBAMMCmxpbmUKYnJlYWs=", 'CN="line\nbreak"'),
            (
                "MGAxEzARBgoJkiaJk/IsZAEZEwNjb20xFzAVBgoJkiaJk/IsZAEZEwdleGFtcGxlMQ0wCwYDVQQJEwRNYWluMQ8wDQYDVQQHEwZNdW5p"
                "Y2gxEDAOBgNVBAgTB0JhdmFyaWE=",
                "S=Bavaria, L=Munich, STREET=Main, DC=example, DC=com",
            ),
        ],
    )
    def test_as_dotnet_writes_them(self, der: str, name: str) -> None:
        assert raw(DISTINGUISHED_NAME, base64.b64decode(der)) == name

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x30",
            b"\x30\x05\x31",
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x00\x00\x00",
            b"\x30\x04\x31\x02\x30\x00",
            b"\x30\x0a\x31\x08\x30\x06\x06\x00\x0c\x02\xc3\xa4",
            b"\x30\x0b\x31\x09\x30\x07\x06\x01\x80\x0c\x02\xc3\xa4",
            b"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01\xff",
        ],
    )
    def test_bad_bytes_stay_as_they_are(self, data: bytes) -> None:
        assert raw(DISTINGUISHED_NAME, data) == {"RawData": base64.b64encode(data).decode()}

    @given(st.binary(max_size=60))
    def test_any_bytes_give_json(self, data: bytes) -> None:
        json.dumps(raw(DISTINGUISHED_NAME, data))


class TestCertificates:
    SENT = next(captured["value"] for captured in CAPTURED if "X509Certificate2]" in captured["script"])

    def test_bytes_that_are_no_certificate_stay_as_they_are(self) -> None:
        assert raw(CERTIFICATE, b"\x30\x00") == {"RawData": "MAA="}
        assert to_plain(typed(CERTIFICATE, "<ToString>[Subject]</ToString>")) == {}
        assert to_plain(typed(CERTIFICATE, "<Props><S N='RawData'>no Base64</S></Props>")) == {"RawData": "no Base64"}

    def test_properties_that_were_sent_win(self) -> None:
        sent = f"<Props><BA N='RawData'>{self.SENT['RawData']}</BA><S N='Subject'>sent</S></Props>"
        shown: Any = to_plain(typed(CERTIFICATE, sent))
        assert (shown["Subject"], shown["Thumbprint"]) == ("sent", self.SENT["Thumbprint"])

    @given(st.data())
    def test_any_damage_gives_json(self, data: st.DataObject) -> None:
        damaged = bytearray(base64.b64decode(self.SENT["RawData"]))
        for position in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
            damaged[position] = data.draw(st.integers(0, 255))
        json.dumps(raw(CERTIFICATE, bytes(damaged)))

    def test_a_bit_string_in_a_name_leaves_the_certificate_unread(self) -> None:
        damaged = bytearray(base64.b64decode(self.SENT["RawData"]))
        damaged[41] = 3  # the type of the value
        shown: Any = raw(CERTIFICATE, bytes(damaged))
        assert list(shown) == ["RawData"]

    def test_the_thumbprint_is_the_one_of_the_store(self) -> None:
        certificate = x509.load_der_x509_certificate(base64.b64decode(self.SENT["RawData"]))
        assert int(self.SENT["SerialNumber"], 16) == certificate.serial_number


class TestRecords:
    @pytest.mark.parametrize("name", [ERROR, INFORMATION, WARNING])
    @pytest.mark.parametrize("inside", ["", "<MS/>", "<ToString>text</ToString>", "<S>text</S>", "<LST/>", "<DCT/>"])
    def test_records_without_their_properties(self, name: str, inside: str) -> None:
        json.dumps(to_plain(typed(name, inside)))

    @pytest.mark.parametrize(
        ("name", "property_name"), [(ERROR, "TargetObject"), (INFORMATION, "MessageData"), (WARNING, "Other")]
    )
    def test_records_within_records(self, name: str, property_name: str) -> None:
        types = f"<TN RefId='0'><T>{name}</T></TN>"
        opening = f"<Obj N='{property_name}'><TNRef RefId='0'/><MS>"
        clixml = f"<Obj>{types}<MS>{opening * 1000}{'</MS></Obj>' * 1000}</MS></Obj>"
        for max_depth in (5, DEEPEST):
            shown = json.dumps(to_plain(clixml, max_depth=max_depth))
            assert (DEEPER in shown) is (name is not WARNING)

    def test_references_upon_references_stay_bounded(self) -> None:
        names = ("TargetObject", "FullyQualifiedErrorId", "ErrorDetails_Message", "PipelineIterationInfo")
        clixml = f"<Obj RefId='0'><TN RefId='0'><T>{ERROR}</T></TN><MS><S N='TargetObject'>x</S></MS></Obj>"
        for number in range(1, 30):
            references = "".join(f"<Ref N='{name}' RefId='{number - 1}'/>" for name in names)
            inner = clixml.replace("<Obj ", "<Obj N='ErrorCategory_Activity' ", 1)
            clixml = f"<Obj RefId='{number}'><TNRef RefId='0'/><MS>{inner}{references}</MS></Obj>"
        shown = json.dumps(to_plain(clixml, max_items=1000))
        assert NO_MORE in shown
        assert len(shown) < 3_000_000

    def test_a_record_as_its_own_target(self) -> None:
        json.dumps(to_plain(typed(ERROR, "<MS><Ref N='TargetObject' RefId='0'/></MS>")))


class TestXml:
    def test_deep_elements(self) -> None:
        names = "<TN RefId='0'><T>System.Xml.XmlElement</T><T>System.Xml.XmlNode</T></TN>"
        opening = "<Obj N='a'><TNRef RefId='0'/><IE/><Props>"
        clixml = f"<Obj>{names}<Props>{opening * 1000}{'</Props></Obj>' * 1000}</Props></Obj>"
        for max_depth in (5, DEEPEST):
            assert DEEPER in json.dumps(to_plain(clixml, max_depth=max_depth))
