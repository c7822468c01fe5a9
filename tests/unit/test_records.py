# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The records of the streams: by hand, as psrpcore sends them, and as recorded from real servers."""

from __future__ import annotations

import base64
import datetime
import json
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psrpcore.types as ps
import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import records
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.clixml import (
    CYCLE,
    DEEPER,
    SECURE_STRING,
    more,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.fragments import Defragmenter
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.records import to_plain

RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "recordings"
MESSAGE_TYPES = {kind.value: kind for kind in ps.PSRPMessageType}
SHOW = {
    ps.PSRPMessageType.ErrorRecord: records.error_record,
    ps.PSRPMessageType.PipelineState: records.pipeline_state,
    ps.PSRPMessageType.DebugRecord: records.informational_record,
    ps.PSRPMessageType.VerboseRecord: records.informational_record,
    ps.PSRPMessageType.WarningRecord: records.informational_record,
    ps.PSRPMessageType.ProgressRecord: records.progress_record,
    ps.PSRPMessageType.InformationRecord: records.information_record,
}
EXCEPTION_KEYS = {"message", "type", "help_link", "source", "hresult", "inner_exception"}


def serialized(value: Any) -> str:
    """The CLIXML that psrpcore makes of a value."""
    return ET.tostring(ps.serialize(value, ps.PSCryptoProvider()), encoding="unicode")


def recorded(name: str) -> Iterator[tuple[ps.PSRPMessageType, str]]:
    """Type and CLIXML of the messages that a recorded server sent."""
    if not RECORDINGS.is_dir():
        pytest.skip("the recordings are not part of the collection and not here")
    streams: dict[str, Defragmenter] = defaultdict(Defragmenter)
    text = (RECORDINGS / f"{name}.yml").read_text(encoding="utf-8")
    for exchange in yaml.safe_load(text)["messages"]:
        answer = exchange["response"] or ""
        pattern = r"<(?:rsp:Stream([^>]*)|\w*:?connectResponseXml[^>]*)>([A-Za-z0-9+/=]+)<"
        for stream, data in re.findall(pattern, answer):
            for message in streams[stream].feed(base64.b64decode(data)):
                kind = MESSAGE_TYPES[int.from_bytes(message[4:8], "little")]
                yield kind, message[40:].decode("utf-8-sig")


def only(name: str, kind: ps.PSRPMessageType) -> str:
    """The CLIXML of the one message of its type in a recording."""
    (clixml,) = {clixml for each, clixml in recorded(name) if each == kind}
    return clixml


def note(name: str, text: str) -> str:
    return f'<S N="{name}">{text}</S>'


def error(*notes: str, exception: str = "", to_string: str = "it broke") -> str:
    return f"<Obj RefId='0'><ToString>{to_string}</ToString><MS>{exception}{''.join(notes)}</MS></Obj>"


class TestRecordings:
    @pytest.mark.parametrize(
        "name",
        [
            "test_psrp_disconnect_runspaces",
            "test_psrp_error_failed",
            "test_psrp_is_alive_invalid_selectors",
            "test_psrp_is_alive_state_disconnected",
            "test_psrp_open_runspace",
            "test_psrp_receive_failure",
            "test_psrp_stream_output_invocation",
            "test_psrp_with_jea_configuration",
        ],
    )
    def test_every_message_can_be_read(self, name: str) -> None:
        messages = list(recorded(name))
        assert len(messages) >= 3
        for kind, clixml in messages:
            json.dumps(to_plain(clixml), allow_nan=False)
            if kind in SHOW:
                json.dumps(SHOW[kind](clixml), allow_nan=False)  # type: ignore[operator]

    def test_private_data(self) -> None:
        clixml = only("test_psrp_open_runspace", ps.PSRPMessageType.ApplicationPrivateData)
        data: Any = to_plain(clixml)
        versions = data["ApplicationPrivateData"]["PSVersionTable"]
        assert versions["PSVersion"] == "5.1.14393.2248"
        assert versions["PSCompatibleVersions"] == ["1.0", "2.0", "3.0", "4.0", "5.0", "5.1.14393.2248"]

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            (ps.PSRPMessageType.DebugRecord, "debug stream"),
            (ps.PSRPMessageType.VerboseRecord, "verbose stream"),
            (ps.PSRPMessageType.WarningRecord, "warning stream"),
        ],
    )
    def test_informational_records(self, kind: ps.PSRPMessageType, text: str) -> None:
        assert records.informational_record(only("test_psrp_stream_output_invocation", kind)) == text

    def test_information(self) -> None:
        clixml = only("test_psrp_stream_output_invocation", ps.PSRPMessageType.InformationRecord)
        assert records.information_record(clixml) == {
            "message_data": "information stream",
            "source": "Write-Information",
            "time_generated": "2018-06-13T23:45:29.4583203Z",
            "tags": [],
        }

    def test_progress(self) -> None:
        clixml = only("test_psrp_error_failed", ps.PSRPMessageType.ProgressRecord)
        assert records.progress_record(clixml) == {
            "activity": "Preparing modules for first use.",
            "activity_id": 0,
            "parent_activity_id": -1,
            "status": " ",
            "current_operation": None,
            "percent_complete": -1,
            "seconds_remaining": -1,
            "record_type": "Completed",
        }

    def test_error(self) -> None:
        clixml = only("test_psrp_stream_output_invocation", ps.PSRPMessageType.ErrorRecord)
        error_id = "Microsoft.PowerShell.Commands.WriteErrorException"
        assert records.error_record(clixml) == {
            "output": (
                "error stream\n"
                "    + CategoryInfo          : NotSpecified: (:) [Write-Error], WriteErrorException\n"
                f"    + FullyQualifiedErrorId : {error_id}"
            ),
            "exception": {
                "message": "error stream",
                "type": "Microsoft.PowerShell.Commands.WriteErrorException",
                "help_link": None,
                "source": None,
                "hresult": -2146233087,
                "inner_exception": None,
            },
            "error_details": None,
            "target_object": None,
            "category_info": {
                "category": "NotSpecified",
                "category_id": 0,
                "activity": "Write-Error",
                "reason": "WriteErrorException",
                "target_name": "",
                "target_type": "",
            },
            "fully_qualified_error_id": error_id,
            "script_stack_trace": "at <ScriptBlock>, <No file>: line 5",
            "pipeline_iteration_info": [0, 0],
        }

    def test_error_of_a_restricted_session(self) -> None:
        shown = records.error_record(only("test_psrp_with_jea_configuration", ps.PSRPMessageType.ErrorRecord))
        assert shown["category_info"]["category"] == "ObjectNotFound"
        assert shown["category_info"]["category_id"] == 13
        assert shown["target_object"] == "FileSystem"
        assert shown["exception"]["type"] == "System.Management.Automation.ProviderNotFoundException"
        assert shown["exception"]["source"] == "System.Management.Automation"

    def test_an_object_wrapped_for_its_provider(self) -> None:
        clixml = only("test_psrp_with_jea_configuration", ps.PSRPMessageType.PipelineOutput)
        shown: Any = to_plain(clixml)
        assert (shown["Name"], shown["Value"], shown["SourceOfValue"]) == ("AllowUnencrypted", "true", None)
        assert shown["PSChildName"] == "AllowUnencrypted"
        assert shown["PSDrive"]["Used"] == shown["PSDrive"]["Free"] == ""
        assert shown["PSProvider"]["Drives"] == [shown["PSDrive"]]

    def test_state_completed(self) -> None:
        clixml = only("test_psrp_stream_output_invocation", ps.PSRPMessageType.PipelineState)
        assert records.pipeline_state(clixml) == (4, None)

    def test_state_failed(self) -> None:
        state, shown = records.pipeline_state(only("test_psrp_error_failed", ps.PSRPMessageType.PipelineState))
        assert state == 5
        assert shown is not None
        assert shown["exception"]["message"] == "error"
        assert shown["output"].startswith("error\nAt line:1 char:55\r\n+ ... onPreference = 'Stop'; ")
        assert shown["pipeline_iteration_info"] == []


class TestErrors:
    def test_as_psrpcore_sends_it(self) -> None:
        inner = ps.NETException("inner", HResult=-5, HelpLink="https://example.com", Source="there")
        inner.PSObject.type_names.insert(0, "System.IO.IOException")
        record = ps.ErrorRecord(
            ps.NETException("outer", InnerException=inner),
            ps.ErrorCategoryInfo(ps.ErrorCategory.ResourceBusy, "Copy-Item", "IOException", "a.txt", "String"),
            TargetObject=ps.PSCustomObject(Name="a.txt", Size=5),
            FullyQualifiedErrorId="Busy,Copy",
            ErrorDetails=ps.ErrorDetails("shorter", "try again"),
            ScriptStackTrace="at somewhere",
        )
        shown = records.error_record(serialized(record))
        assert shown["exception"]["message"] == "outer"
        assert shown["exception"]["type"] == "System.Exception"
        assert shown["exception"]["inner_exception"] == {
            "message": "inner",
            "type": "System.IO.IOException",
            "help_link": "https://example.com",
            "source": "there",
            "hresult": -5,
            "inner_exception": None,
        }
        assert shown["target_object"] == {"Name": "a.txt", "Size": 5}
        assert shown["category_info"] == {
            "category": "ResourceBusy",
            "category_id": 19,
            "activity": "Copy-Item",
            "reason": "IOException",
            "target_name": "a.txt",
            "target_type": "String",
        }
        assert shown["error_details"] == {"message": "shorter", "recommended_action": "try again"}
        assert shown["fully_qualified_error_id"] == "Busy,Copy"
        assert shown["script_stack_trace"] == "at somewhere"
        assert shown["output"].startswith("shorter\n")
        state = ps.PipelineState(PipelineState=5, ExceptionAsErrorRecord=record)
        assert records.pipeline_state(serialized(state)) == (5, shown)

    @pytest.mark.parametrize("category", list(ps.ErrorCategory))
    def test_all_categories(self, category: ps.ErrorCategory) -> None:
        clixml = error(f"<I32 N='ErrorCategory_Category'>{category.value}</I32>")
        shown = records.error_record(clixml)["category_info"]
        assert (shown["category"], shown["category_id"]) == (category.name, category.value)

    def test_an_unknown_category_is_its_number(self) -> None:
        shown = records.error_record(error("<I32 N='ErrorCategory_Category'>99</I32>"))["category_info"]
        assert (shown["category"], shown["category_id"]) == ("99", 99)

    @pytest.mark.parametrize(
        "clixml",
        [
            "<S>it broke</S>",
            error(),
            error(exception="<Nil N='Exception'/>"),
            error(exception=note("Exception", "it broke")),
        ],
        ids=["text", "record without properties", "no exception", "exception as text"],
    )
    def test_a_message_is_found_anyhow(self, clixml: str) -> None:
        shown = records.error_record(clixml)
        assert shown["exception"]["message"] == "it broke"
        assert set(shown["exception"]) == EXCEPTION_KEYS
        assert shown["output"].startswith("it broke\n")
        assert shown["pipeline_iteration_info"] == []

    def test_the_exception_of_a_further_computer(self) -> None:
        remote = (
            "<Obj N='SerializedRemoteException' RefId='2'><TN RefId='2'><T>Deserialized.System.IO.IOException</T></TN>"
            f"<Props>{note('Message', 'far away')}</Props></Obj>"
        )
        clixml = error(
            exception="<Obj N='Exception' RefId='1'>"
            "<TN RefId='1'><T>System.Management.Automation.RemoteException</T></TN>"
            f"<Props>{remote}{note('Message', 'here')}</Props></Obj>"
        )
        shown = records.error_record(clixml)["exception"]
        assert (shown["message"], shown["type"]) == ("far away", "System.IO.IOException")

    @pytest.mark.parametrize("depth", [30, 100_000])
    def test_exceptions_inside_exceptions_have_an_end(self, depth: int) -> None:
        opening = f"<Obj N='InnerException'><Props>{note('Message', 'm')}"
        clixml = error(exception="<Obj N='Exception'><Props>" + opening * depth + "</Props></Obj>" * (depth + 1))
        exception = records.error_record(clixml)["exception"]
        levels = 0
        while exception["inner_exception"]:
            exception = exception["inner_exception"]
            levels += 1
        assert (levels, exception["message"]) == (16, DEEPER)

    def test_an_exception_inside_itself(self) -> None:
        properties = f"{note('Message', 'm')}<Ref N='InnerException' RefId='1'/>"
        exception = f"<Obj N='Exception' RefId='1'><Props>{properties}</Props></Obj>"
        assert DEEPER in json.dumps(records.error_record(error(exception=exception)))

    def test_a_target_that_is_the_record(self) -> None:
        shown = records.error_record(error("<Ref N='TargetObject' RefId='0'/>"))
        assert shown["target_object"] == {"TargetObject": CYCLE}

    def test_limits(self) -> None:
        target = "<Obj N='TargetObject'><LST><Obj><LST><I32>1</I32><I32>2</I32></LST></Obj></LST></Obj>"
        assert records.error_record(error(target), max_depth=1)["target_object"] == [DEEPER]
        assert records.error_record(error(target), max_items=2)["target_object"] == [[1, more(1)]]
        shown = records.error_record(error(target, note("FullyQualifiedErrorId", "x" * 50)), max_text=20)
        assert "more characters are not shown" in shown["fully_qualified_error_id"]

    def test_secure_strings_are_never_shown(self) -> None:
        shown = records.error_record(error("<SS N='TargetObject'>aHVudGVyMg==</SS>"))
        assert shown["target_object"] == SECURE_STRING
        assert "aHVudGVyMg" not in json.dumps(shown)


class TestStates:
    @pytest.mark.parametrize("state", list(ps.PSInvocationState))
    def test_all_states(self, state: ps.PSInvocationState) -> None:
        assert records.pipeline_state(serialized(ps.PipelineState(state.value))) == (state.value, None)

    def test_no_error_may_be_said_explicitly(self) -> None:
        clixml = "<Obj RefId='0'><MS><I32 N='PipelineState'>3</I32><Nil N='ExceptionAsErrorRecord'/></MS></Obj>"
        assert records.pipeline_state(clixml) == (3, None)

    @pytest.mark.parametrize(
        "clixml", ["<S>4</S>", "<Obj><MS/></Obj>", f"<Obj><MS>{note('PipelineState', 'x')}</MS></Obj>"]
    )
    def test_no_state_is_an_error(self, clixml: str) -> None:
        with pytest.raises(ValueError, match="no state"):
            records.pipeline_state(clixml)


class TestMessages:
    @pytest.mark.parametrize("kind", [ps.DebugRecord, ps.VerboseRecord, ps.WarningRecord])
    def test_informational(self, kind: type[ps.InformationalRecord]) -> None:
        assert (
            records.informational_record(serialized(kind("tricky _x0041_ \U0001f600\n")))
            == "tricky _x0041_ \U0001f600\n"
        )

    @pytest.mark.parametrize(
        "clixml", ["<S>text</S>", "<Obj><ToString>text</ToString><MS/></Obj>"], ids=["text", "only its own text"]
    )
    def test_informational_in_other_forms(self, clixml: str) -> None:
        assert records.informational_record(clixml) == "text"

    def test_information(self) -> None:
        message = ps.InformationRecordMsg(
            MessageData=ps.PSCustomObject(Message="hello", NoNewLine=True),
            Source="Write-Host",
            TimeGenerated=ps.PSDateTime(2024, 3, 1, 0, 30, 0, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
            Tags=ps.PSList(["PSHOST"]),
        )
        clixml = serialized(message)
        assert records.information_record(clixml) == {
            "message_data": {"Message": "hello", "NoNewLine": True},
            "source": "Write-Host",
            "time_generated": "2024-02-29T22:30:00.000005Z",
            "tags": ["PSHOST"],
        }
        assert records.information_record(clixml, max_depth=0)["message_data"] == DEEPER

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("2018-06-13T23:45:29.4583203+00:00", "2018-06-13T23:45:29.4583203Z"),
            ("2018-06-13T23:45:29-05:30", "2018-06-14T05:15:29Z"),
            ("2018-06-13T23:45:29.1Z", "2018-06-13T23:45:29.1Z"),
            ("2018-06-13T23:45:29", "2018-06-13T23:45:29"),
            ("0001-01-01T00:00:00+10:00", "0001-01-01T00:00:00+10:00"),
            ("2018-99-13T23:45:29+00:00", "2018-99-13T23:45:29+00:00"),
            ("yesterday", "yesterday"),
        ],
    )
    def test_times_are_in_utc(self, sent: str, shown: str) -> None:
        clixml = f"<Obj><MS>{note('MessageData', 'm')}<DT N='TimeGenerated'>{sent}</DT></MS></Obj>"
        assert records.information_record(clixml)["time_generated"] == shown

    def test_information_that_is_only_text(self) -> None:
        assert records.information_record("<S>text</S>") == {
            "message_data": "text",
            "source": None,
            "time_generated": None,
            "tags": [],
        }

    @pytest.mark.parametrize("kind", ["message", "value"])
    def test_progress(self, kind: str) -> None:
        common = {
            "Activity": "Copying",
            "ActivityId": 2,
            "StatusDescription": "half",
            "CurrentOperation": "a.txt",
            "ParentActivityId": 1,
            "PercentComplete": 50,
            "SecondsRemaining": 9,
        }
        record_type = ps.ProgressRecordType.Processing
        clixml = serialized(
            ps.ProgressRecordMsg(Type=record_type, **common)
            if kind == "message"
            else ps.ProgressRecord(RecordType=record_type, **common)
        )
        assert records.progress_record(clixml) == {
            "activity": "Copying",
            "activity_id": 2,
            "parent_activity_id": 1,
            "status": "half",
            "current_operation": "a.txt",
            "percent_complete": 50,
            "seconds_remaining": 9,
            "record_type": "Processing",
        }

    @pytest.mark.parametrize("clixml", ["<S>50</S>", "<Obj><MS><I32 N='PercentComplete'>5</I32></MS></Obj>"])
    def test_progress_of_nothing_is_an_error(self, clixml: str) -> None:
        with pytest.raises(ValueError, match="no activity"):
            records.progress_record(clixml)

    @pytest.mark.parametrize("show", list(dict.fromkeys(SHOW.values())), ids=lambda show: show.__name__)
    @pytest.mark.parametrize("clixml", ["<Obj", "<!DOCTYPE a><S/>", "<Wrong/>"])
    def test_what_is_no_clixml_is_an_error(self, show: Any, clixml: str) -> None:
        with pytest.raises(ValueError, match=r"CLIXML|no state|no activity"):
            show(clixml)
