# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logging on as inventories and tasks say it; what each scheme does on the wire is tested with the engine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.simulator import SimulatedFleet, User

from .conftest import COMPUTERS
from .controller import PASSWORD, USER, Controller, inventory_of

# Computers with their default settings, apart from the certificates they take.
SETTINGS = {"authentication": ("negotiate", "certificate"), "allow_unencrypted": False}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    """As usual, with servers that take Negotiate and client certificates, and nothing in clear."""
    with SimulatedFleet.build(COMPUTERS, [User(USER, PASSWORD)]) as started:
        for computer in started:
            computer.configure(SETTINGS)
        yield started


def test_a_plain_inventory_logs_on_by_negotiate_and_encrypts(controller: Controller, fleet: SimulatedFleet) -> None:
    """What psrp and winrm connections take when an inventory says nothing about logging on, or NTLM."""
    controller.inventory = inventory_of(fleet, ansible_psrp_auth=None, ansible_psrp_message_encryption=None)
    controller.inventory["all"]["children"]["windows"]["hosts"]["srv02"] |= {
        "ansible_connection": "winrm",
        "ansible_winrm_transport": "ntlm",
        "ansible_winrm_scheme": "http",
    }
    controller.inventory["all"]["children"]["windows"]["hosts"]["srv03"] |= {
        "ansible_port": 5986,
        "ansible_psrp_protocol": "https",
        "ansible_psrp_ca_cert": str(fleet.ca_file),
    }
    run = controller.run("[{name: Connect, psremoting.fleet.connect_pssession: {name: ITTask}}]")
    assert run.exit_code == 0, run.output
    assert {host: result.sessions for host, result in run.of("Connect").items()} == {
        host: [(host, "ITTask")] for host in ("srv01", "srv02", "srv03")
    }
    for computer, encrypted in (("srv01", True), ("srv02", True), ("srv03", False)):
        connects = fleet.requests_of(computer, "Connect")
        assert [(each.user, each.scheme, each.encrypted) for each in connects] == [(USER, "ntlm", encrypted)]


def test_how_a_task_says_it(controller: Controller, fleet: SimulatedFleet) -> None:
    certificate = fleet.make_client_certificate(USER)
    controller.inventory = inventory_of(fleet, ansible_user="nobody", ansible_password="wrong", right=PASSWORD)
    fleet["srv03"].redirect(fleet["srv02"].uri)
    run = controller.run(
        f"""
        - name: By thumbprint
          psremoting.fleet.connect_pssession:
            computer_name: srv01
            name: ITTask
            use_ssl: true
            ca_cert: {fleet.ca_file}
            certificate_thumbprint: "{certificate.sha256}"
            certificate_store: {certificate.cert_pem.parent}
        - name: By PEM files, with no look at the server's certificate
          psremoting.fleet.connect_pssession:
            computer_name: srv01
            name: ITBackup
            use_ssl: true
            certificate_pem: {certificate.cert_pem}
            certificate_key_pem: {certificate.key_pem}
            session_option: {{skip_ca_check: true, skip_cn_check: true, skip_revocation_check: true}}
        - name: By pywinrm
          psremoting.fleet.connect_pssession:
            computer_name: srv01
            name: Patch
            transport: winrm
            authentication: negotiate
            session_option: {{no_encryption: false}}
            credential: &me {{username: {USER}, password: "{{{{ hostvars.srv01.right }}}}"}}
        - name: Against a redirection
          psremoting.fleet.connect_pssession: &redirected
            connection_uri: "{fleet["srv03"].uri}"
            name: ITTask
            authentication: negotiate
            session_option: {{no_encryption: false}}
            credential: *me
          ignore_errors: true
        - name: With the redirection
          psremoting.fleet.connect_pssession:
            <<: *redirected
            allow_redirection: true
        """,
        hosts="localhost",
    )
    assert run.exit_code == 0, run.output
    by_session = {
        name: [(each.user, each.scheme, each.secure, each.encrypted) for each in fleet.requests_of(*place)]
        for name, place in {"srv01": ("srv01", "Connect"), "srv02": ("srv02", "Connect")}.items()
    }
    with_certificate = (USER, "certificate", True, False)
    assert by_session["srv01"] == [with_certificate, with_certificate, (USER, "ntlm", False, True)]
    assert by_session["srv02"] == [(USER, "ntlm", False, True)]
    assert run["Against a redirection"].outcome == "ignored"
    error_id = run["Against a redirection"]["errors"][0]["fully_qualified_error_id"]
    assert error_id.startswith("RedirectInformationRequired,")
    assert len(run["With the redirection"]["sessions"]) == 1
    assert fleet["srv03"].session("ITTask").state == "Disconnected"
    assert PASSWORD not in run.stdout


def test_a_host_variable_pins_a_certificate(controller: Controller, fleet: SimulatedFleet) -> None:
    """Each host has its own, whatever its connection plugin is, and an inventory that ignores all certificates."""
    pinned, other = (hashlib.sha256(fleet.server_certificate(kind)).hexdigest() for kind in ("other_ca", "valid"))
    for computer in fleet:
        computer.certificate = "other_ca"
    controller.inventory = inventory_of(
        fleet,
        ansible_psrp_auth=None,
        ansible_psrp_message_encryption=None,
        ansible_psrp_cert_validation="ignore",
        ansible_psrp_protocol="https",
        ansible_port=5986,
        pssession_server_certificate_fingerprint="{{ pins[inventory_hostname] }}",
        pins={"srv01": pinned, "srv02": pinned.upper(), "srv03": other},
    )
    controller.inventory["all"]["children"]["windows"]["hosts"]["srv02"] |= {
        "ansible_connection": "winrm",
        "ansible_winrm_transport": "ntlm",
        "ansible_winrm_server_cert_validation": "ignore",
    }
    run = controller.run("[{name: Connect, psremoting.fleet.connect_pssession: {name: ITTask, on_error: report}}]")
    assert run.exit_code == 0, run.output
    tls = {host: [each["tls"] for each in result["sessions"]] for host, result in run.of("Connect").items()}
    assert tls == {"srv01": ["pinned"], "srv02": ["pinned"], "srv03": []}
    (error,) = run.of("Connect")["srv03"]["errors"]
    assert "not the pinned one" in error["message"]
    assert fleet.requests_of("srv03") == []


@pytest.mark.parametrize("forks", ["1", "5"])
def test_the_lockout_guard_holds_for_the_tasks_of_all_hosts(
    controller: Controller, fleet: SimulatedFleet, forks: str
) -> None:
    """Each host has a process of its own, and the processes of a run share what became of the account."""
    hosts = {f"{computer.name}-{number}": computer.address for number in range(3) for computer in fleet}
    account = {"ansible_user": f"LAB\\{USER}", "ansible_password": "wrong", "ansible_psrp_message_encryption": "auto"}
    controller.inventory = inventory_of(fleet, ansible_psrp_auth="negotiate", **account)
    controller.inventory["all"]["children"]["windows"]["hosts"] = {
        name: {"ansible_host": address} for name, address in hosts.items()
    }
    run = controller.run(
        """
        - name: Look
          psremoting.fleet.pssession_info: {on_error: report}
        - name: Look again
          psremoting.fleet.pssession_info: {on_error: report}
        """,
        "--forks",
        forks,
    )
    assert run.exit_code == 0, run.output
    assert sum(fleet.failed_logons.values()) == 3
    messages = [result["errors"][0]["message"] for name in ("Look", "Look again") for result in run.of(name).values()]
    assert len(messages) == 18
    assert len([text for text in messages if "refused, and none was accepted" in text]) == 15


def test_a_group_of_computers_that_were_not_asked_counts_for_each_host(
    controller: Controller, fleet: SimulatedFleet
) -> None:
    account = {"ansible_user": f"LAB\\{USER}", "ansible_password": "wrong", "ansible_psrp_message_encryption": "auto"}
    hosts = {f"{computer.name}-{number}": computer.address for number in range(3) for computer in fleet}
    controller.inventory = inventory_of(fleet, ansible_psrp_auth="negotiate", **account)
    controller.inventory["all"]["children"]["windows"]["hosts"] = {
        name: {"ansible_host": address} for name, address in hosts.items()
    }
    run = controller.run(
        """
        - name: Connect
          ansible.builtin.import_role: {name: psremoting.fleet.pssession, rolespec_validate: false}
          vars: {pssession_way: fleet, pssession_name: ITTask}
        """
    )
    assert sum(fleet.failed_logons.values()) == 3
    told = {result.host: result.message for result in run.results if result.outcome == "failed"}
    assert set(told) == set(hosts), run.output
    assert len([text for text in told.values() if text.startswith("6 computers were not asked")]) == 6
