"""Records of plain dataclasses, built from what a file of TOML holds and kept as JSON: their types say all there is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from vote.errors import Misuse


def built(kind: Any, raw: Any, key: str) -> Any:
    """What TOML gave, as an instance of `kind`: a dataclass, or the type of one of its fields."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Annotated, Union, UnionType):  # Union is X | None: TOML has no null, so what is there is an X
        value = built(arguments[0], raw, key)
        if origin is Annotated and not arguments[1](value):
            raise wrong(key, arguments[2])
        return value
    if origin is Literal:
        if raw not in arguments or isinstance(raw, bool):
            raise wrong(key, f"must be one of {', '.join(map(str, arguments))}")
        return raw
    if origin is tuple:
        return tuple(built(arguments[0], item, f"{key}[{n}]") for n, item in enumerate(_typed(list, raw, key)))
    if is_dataclass(kind):
        return _record(kind, _typed(dict, raw, key), key)
    leaf = _typed(kind, raw, key)
    return _LEAVES[kind](leaf, key) if kind in _LEAVES else leaf


def _record(kind: Any, raw: dict[str, Any], key: str) -> Any:
    prefix, shape = (f"{key}." if key else ""), _shape(kind)
    for name in raw:
        if name not in shape:
            raise wrong(prefix + name, f"is not a known key (known here: {', '.join(shape)})")
    given = {name: built(wanted, raw[name], prefix + name) for name, wanted in shape.items() if name in raw}
    for field in fields(kind):
        if field.name not in raw and field.default is MISSING:
            if type(None) not in get_args(shape[field.name]):
                raise wrong(prefix + field.name, "is missing")
            given[field.name] = None
    return kind(**given)


def _typed(kind: type, raw: Any, key: str) -> Any:
    if type(raw) is not kind:
        raise wrong(key, f"must be {_NAMES[kind]}")
    return raw


def _text(raw: str, key: str) -> str:
    text = re.sub(r"[ \t\r\n]+", " ", raw).strip(" ")  # only these: French spaces are meant
    if not any(char.isprintable() and not char.isspace() for char in text):
        raise wrong(key, "is blank")
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in text):
        raise wrong(key, "holds a control character")
    return text


def _instant(raw: datetime, key: str) -> datetime:
    if raw.tzinfo is None:
        raise wrong(key, "needs an offset from UTC, as in 2019-11-22T00:00:00+01:00")
    try:
        return raw.astimezone(UTC)
    except OverflowError:
        raise wrong(key, "is beyond the calendar") from None


def wrong(key: str, reason: str) -> Misuse:
    """What is said of a key of the file."""
    return Misuse(f"`{key}` {reason}")


def plain(value: Any) -> Any:
    """A record as JSON has it; `revived` is the inverse."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def revived(kind: Any, made: Any) -> Any:
    """The record of this kind that `plain` made this of, which is trusted. A key it lacks is younger."""
    origin, arguments = get_origin(kind), get_args(kind)
    if made is None or kind in (str, int) or origin is Literal:
        return made
    if origin is tuple:
        return tuple(revived(arguments[0], item) for item in made)
    if origin in (Annotated, Union, UnionType):
        return revived(arguments[0], made)
    if is_dataclass(kind):
        defaults = {field.name for field in fields(kind) if field.default is not MISSING}
        return cast(type, kind)(
            **{
                name: revived(wanted, made.get(name))
                for name, wanted in _shape(cast(type, kind)).items()
                if name in made or name not in defaults
            }
        )
    return kind.fromisoformat(made)


@cache
def _shape(kind: type) -> dict[str, Any]:
    """The fields of a dataclass and their types, in order."""
    return get_type_hints(kind, include_extras=True)


_LEAVES: dict[type, Callable[[Any, str], Any]] = {str: _text, datetime: _instant}
_NAMES: dict[type, str] = {int: "a whole number", str: "text", list: "a list", dict: "a table"}
_NAMES |= {datetime: "a date with a time", date: "a date"}
