"""Typed groups of options. Each field defines how the value of its option is read and checked."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import functools
import typing as t

from .errors import ParameterBindingError

MAX_INT32 = 2147483647
# The longest duration of PowerShell in seconds. PowerShell's durations are Int32 values in milliseconds.
MAX_SECONDS = MAX_INT32 // 1000
# The longest time limit of requests, in seconds.
MAX_REQUEST_SECONDS = 3600
# The shortest idle timeout that a server accepts, in seconds (MS-WSMV 3.1.4.15, IdleTimeoutms of the quota settings).
LEAST_IDLE_TIMEOUT = 60
# Gets a value that is not None, and the option's name for errors. Returns None for the default.
Reader = t.Callable[[t.Any, str], t.Any]
G = t.TypeVar("G", bound="OptionGroup")


@dataclasses.dataclass(frozen=True)
class OptionGroup:
    """Base of frozen dataclasses whose fields are options; `option` makes such a field."""

    prefix: t.ClassVar[str] = ""

    @classmethod
    @functools.cache
    def option_names(cls) -> frozenset[str]:
        """Return the names of all options of this group."""
        return frozenset(name for _field, name, _read in _readers(t.cast("t.Hashable", cls)))

    @classmethod
    def from_options(cls: type[G], options: t.Mapping[str, t.Any]) -> G:
        """Check the options of this group and return them, with defaults for those not given (or None).

        Args:
            options: Values by option name. Options of other groups are ignored.

        Raises:
            ParameterBindingError: A value is bad. The message names the option.
        """
        values: dict[str, t.Any] = {}
        for field, name, read in _readers(t.cast("t.Hashable", cls)):
            given, full_name = options.get(name), cls.prefix + name
            value = None if given is None else read(without_nul(given, full_name), full_name)
            if value is not None:
                values[field] = value
        return cls(**values)


@functools.cache
def _readers(group: type[OptionGroup]) -> tuple[tuple[str, str, Reader], ...]:
    """Return name, option and reader of each option field, cached for the thousands of settings of a fleet."""
    fields = [each for each in dataclasses.fields(group) if "read" in each.metadata]
    return tuple((each.name, option_name(each), each.metadata["read"]) for each in fields)


def option(read: Reader | type, default: t.Any = None, *, name: str = "", is_shown: bool = True) -> t.Any:
    """Return a dataclass field that is an option.

    Args:
        read: Reads its value; a type such as `str` converts it.
        name: The option's name, if it is not the field's.
        is_shown: Whether representations show it. False for secrets.
    """
    reader = (lambda value, _name: read(value)) if isinstance(read, type) else read
    # The check wants it in the class; this makes fields for classes, as attrs' and pydantic's functions do.
    return dataclasses.field(  # pylint: disable=invalid-field-call
        default=default, repr=is_shown, metadata={"read": reader, "name": name}
    )


# Options whose text becomes a PowerShell value, which may be any UTF-16, and options about other tasks.
_ANY_TEXT = frozenset(
    {"application_arguments", "arguments", "endpoints", "input", "parameters", "sensitive_parameters", "session"}
)


def option_name(field: dataclasses.Field[t.Any]) -> str:
    """Return the name of the option that a field holds."""
    return t.cast(str, field.metadata.get("name") or field.name)


def invalid(message: str, target: object = None, error_id: str = "ParameterArgumentValidationError") -> t.NoReturn:
    """Refuse a value with a message that names its option."""
    raise ParameterBindingError(error_id, message, "InvalidData", None if target is None else str(target))


def refuse_half_characters(value: t.Any, name: str = "") -> None:
    """Refuse options with half of a surrogate pair, which no request, file or log-on can contain.

    Args:
        value: The options, or the value of one.
        name: Name of the option. Empty for all of them.
    """
    if isinstance(value, str):
        half = next((character for character in value if "\ud800" <= character <= "\udfff"), None)
        if half is not None:  # the text itself may be a secret
            invalid(f"{name} has half of a surrogate pair (U+{ord(half):04X}), which is no character")
    elif isinstance(value, t.Mapping):
        for key, each in value.items():
            if key not in _ANY_TEXT:
                refuse_half_characters(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for each in value:
            refuse_half_characters(each, name)


_OMIT = ". Set a value, or omit the option"


def filled(values: t.Any, name: str) -> tuple[t.Any, ...]:
    """Read a list that must not be empty or hold empty values (NotNullOrEmpty)."""
    if not values:
        invalid(f"{name} is an empty list{_OMIT}", error_id="ParameterArgumentValidationErrorEmptyArrayNotAllowed")
    for value in values:
        if value in (None, {}) or (isinstance(value, str) and not value.strip()):
            invalid(
                f"{name} has an empty value{_OMIT}", error_id="ParameterArgumentValidationErrorEmptyStringNotAllowed"
            )
    return tuple(values)


def each_of(read: Reader) -> Reader:
    """Return the reader of a list whose items `read` reads."""
    return lambda values, name: tuple(read(value, name) for value in filled(values, name))


def text(value: t.Any, _name: str = "") -> str:
    """Read a name without the blanks at its ends, which surveys and files may add."""
    return str(value).strip()


def name_in_xml(value: t.Any, name: str) -> str:
    """Read a name that is sent to a server unchanged.

    Raises:
        ParameterBindingError: XML cannot contain one of its characters. A server would answer HTTP 400.
    """
    read = text(value)
    for character in read:
        if character < " " or "\ud800" <= character <= "\udfff" or character in "\x7f\ufffe\uffff":
            invalid(f"{name}: {read!r} has a character that a name cannot have (U+{ord(character):04X})")
    return read


def fingerprint(value: t.Any, name: str) -> str:
    """Read the SHA-256 fingerprint of a certificate as 64 hexadecimal digits in lower case.

    Blanks, colons and case are ignored, because tools differ in them.
    """
    digits = "".join(str(value).replace(":", "").split()).lower()
    if len(digits) == 40:
        invalid(f"{name}: {value!r} looks like a SHA-1 thumbprint. A SHA-256 fingerprint is needed (64 digits)", value)
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        invalid(f"{name}: {value!r} is not a SHA-256 fingerprint (64 hexadecimal digits)", value)
    return digits


def number(least: int = 0, most: int = MAX_INT32) -> Reader:
    """Return the reader of a whole number in a range."""

    def read(value: t.Any, name: str) -> int:
        if not least <= value <= most:
            invalid(f"{name}: {value} is not between {least} and {most}", value)
        return int(value)

    return read


def one_of(*choices: str) -> Reader:
    """Return a reader that accepts only the given words."""

    def read(value: t.Any, name: str) -> str:
        if value not in choices:
            invalid(f"{name}: {value!r} is not one of {', '.join(choices)}", value)
        return str(value)

    return read


def count(value: t.Any, name: str) -> int:
    """Read a whole number that must not be negative."""
    return int(_not_negative(value, name))


def seconds(value: t.Any, name: str, most: int = MAX_SECONDS) -> float:
    """Read a duration in seconds. A value above `most` was probably meant in PowerShell's milliseconds."""
    if not _not_negative(value, name) <= most:
        instead = f": write {value / 1000:.15g} for {value:.15g} milliseconds" if value / 1000 <= most else ""
        invalid(
            f"{name}: {value:.15g} is more than {most} seconds. The option is in seconds, PowerShell's durations are "
            f"in milliseconds{instead}",
            f"{value:.15g}",
        )
    return float(value)


def request_seconds(value: t.Any, name: str) -> float | None:
    """Read the time limit of requests in seconds.

    For the cmdlets 0 means no limit. Here every wait has a limit, so 0 means the default.
    """
    return seconds(value, name, MAX_REQUEST_SECONDS) or None


def idle_seconds(value: t.Any, name: str) -> float | None:
    """Read an idle timeout in seconds. -1 means the server's default."""
    if value == -1:
        return None
    if value < LEAST_IDLE_TIMEOUT:
        invalid(
            f"{name}: {value} is less than {LEAST_IDLE_TIMEOUT} seconds, the least idle timeout that servers accept; "
            "-1 leaves it to the server",
            value,
        )
    return seconds(value, name)


def without_nul(value: t.Any, name: str) -> t.Any:
    """Return the value of an option unless it is text with U+0000, or a list of such texts.

    No name, address, path or password has that character, and databases refuse messages and results with it.
    """
    for each in value if isinstance(value, (list, tuple)) else (value,):
        if isinstance(each, str) and "\0" in each:
            invalid(f"{name}: the text holds NUL characters (U+0000), so it looks like UTF-16 that was read as UTF-8")
    return value


def _not_negative(value: float, name: str) -> float:
    if value < 0:
        invalid(f"{name}: {value:.15g} is negative", f"{value:.15g}")
    return value
