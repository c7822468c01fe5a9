# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which parameter set the options mean, and what the binder says when they mean none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.cmdlets import CONNECT, LOGON
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import ParameterBindingError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.parameter_sets import resolve

CONNECT_PSSESSION = CONNECT.parameter_sets
OPTIONS = sorted({option for each in CONNECT_PSSESSION for option in each.options})
BY_NAME = {each.name: each for each in CONNECT_PSSESSION}


@pytest.mark.parametrize(
    ("given_options", "name"),
    [
        ("session", "Session"),
        ("name", "Name"),
        ("id", "Id"),
        ("instance_id", "InstanceId"),
        ("computer_name", "ComputerName"),
        ("computer_name name", "ComputerName"),
        ("computer_name port use_ssl application_name configuration_name", "ComputerName"),
        ("computer_name instance_id", "ComputerNameGuid"),
        ("computer_name instance_id port use_ssl application_name configuration_name", "ComputerNameGuid"),
        ("connection_uri", "ConnectionUri"),
        ("connection_uri name allow_redirection configuration_name", "ConnectionUri"),
        ("connection_uri instance_id", "ConnectionUriGuid"),
        ("connection_uri instance_id allow_redirection configuration_name", "ConnectionUriGuid"),
    ],
)
@pytest.mark.parametrize("logon", [set(), LOGON], ids=["", "with log-on options"])
def test_the_eight_sets(given_options: str, name: str, logon: set[str]) -> None:
    assert resolve({*given_options.split(), *logon, "throttle_limit", "confirm"}).name == name


@pytest.mark.parametrize(
    ("given_options", "named_sets"),
    [
        ("name id", "Name (name), Id (id)"),
        ("name instance_id", "Name (name), InstanceId (instance_id)"),
        ("computer_name connection_uri", "ComputerName (computer_name), ConnectionUri (connection_uri)"),
        ("session computer_name", "Session (session), ComputerName (computer_name)"),
        ("id port", "Id (id), ComputerName (computer_name)"),
        ("connection_uri port", "ConnectionUri (connection_uri), ComputerName (computer_name)"),
        ("connection_uri use_ssl", "ConnectionUri (connection_uri), ComputerName (computer_name)"),
        ("connection_uri application_name", "ConnectionUri (connection_uri), ComputerName (computer_name)"),
        ("computer_name allow_redirection", "ComputerName (computer_name), ConnectionUri (connection_uri)"),
        ("computer_name name instance_id", "ComputerName (computer_name), InstanceId (instance_id)"),
        # Not contradictory, but no set is complete.
        ("name port", "ComputerName (computer_name)"),
        ("instance_id configuration_name", "ComputerNameGuid, ConnectionUriGuid"),
        ("port", "ComputerName (computer_name), ComputerNameGuid (computer_name, instance_id)"),
    ],
)
def test_options_of_different_sets_are_ambiguous(given_options: str, named_sets: str) -> None:
    with pytest.raises(ParameterBindingError) as refused:
        resolve(set(given_options.split()))
    assert (refused.value.error_id, refused.value.category) == ("AmbiguousParameterSet", "InvalidArgument")
    for option in given_options.split():
        assert option in refused.value.message
    for named in named_sets.split("), "):
        for word in named.split(", "):
            assert word.rstrip(")") in refused.value.message


@pytest.mark.parametrize("given_options", [set(), {"throttle_limit"}, {"credential", "session_option"}])
def test_nothing_that_selects_is_a_missing_parameter(given_options: set[str]) -> None:
    with pytest.raises(ParameterBindingError, match=r"computer_name.*connection_uri.*id.*name.*session") as refused:
        resolve(given_options)
    assert refused.value.error_id == "MissingMandatoryParameter"
    assert "or run the task on a Windows host" in refused.value.message


def test_a_windows_host_alone_does_not_select_what_is_removed() -> None:
    with pytest.raises(ParameterBindingError, match="do not select any sessions") as refused:
        resolve(set(), hint="remove_pssession needs name")
    assert "Windows host" not in refused.value.message


@given(st.sets(st.sampled_from([*OPTIONS, "throttle_limit"])))
def test_any_options_mean_exactly_one_set_or_none(options: set[str]) -> None:
    telling = options - {"throttle_limit"}
    complete = [each for each in CONNECT_PSSESSION if each.mandatory <= telling <= each.options]
    assert len(complete) <= 1
    if complete:
        assert [resolve(options)] == complete
    else:
        with pytest.raises(ParameterBindingError) as refused:
            resolve(options)
        assert refused.value.error_id in ("AmbiguousParameterSet", "MissingMandatoryParameter")


def test_only_the_sets_that_name_no_computer_are_local() -> None:
    assert {name for name, each in BY_NAME.items() if each.is_local} == {"Session", "Name", "Id", "InstanceId"}
    assert all(
        each.is_local is not bool(each.mandatory & {"computer_name", "connection_uri"}) for each in BY_NAME.values()
    )
