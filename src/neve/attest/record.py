"""The build record: why every path is in an image and why others are not (JSON).

``neve why`` and ``neve verify`` read it; it is attached to the image as a referrer and named by
a configuration label. What is read may come from anybody's image, so reading is strict.

Shape: ``{"schema_version", "image", "platform", "variant", "recipe", "lock_digest", "lock",
"reasons": [[origin, subject, detail]…], "paths": [[path, kind, mode, uid, gid, size, digest,
target, owners, reason]…], "xattrs": {path: {name: base64}}, "removed": [[path, reason]…],
"left_out": [[pattern, reason]…], "users": {name: fields}, "groups": {name: fields}, "accounts":
{"user NAME" | "group NAME": reason}, "checks": […]}``, with ``"trust_stores": [[path, readers]…]``
where the recipe has certificates. There a ``reason`` is a position in ``reasons``, ``lock`` is the
whole lock document and ``fields`` are those of ``passwd(5)`` and ``group(5)`` after the password.
Version 2 had no ``xattrs``, ``left_out`` and ``accounts``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from neve.attest.subject import AttestedImage
from neve.errors import HostileInputError
from neve.model import (
    Check,
    Digest,
    Fail,
    Origin,
    Pass,
    Platform,
    Reason,
    Skipped,
    Verdict,
    Waived,
    Waiver,
)
from neve.tree import FileEntry, Kind, Tree

if TYPE_CHECKING:
    from neve.effects.certificates import TrustStore

MEDIA_TYPE = "application/vnd.neve.record.v1+json"
SCHEMA_VERSION = 3
_WITHOUT_XATTRS = 2
MAX_RECORD = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPath:
    """One path of the image; ``size`` and ``digest`` of regular files, ``target`` of links.

    ``xattrs`` are (name, value) in order, ``None`` where the record says nothing of them.
    """

    path: str
    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    digest: Digest | None
    target: str | None
    owners: tuple[str, ...]
    reason: Reason
    xattrs: tuple[tuple[str, bytes], ...] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """A read record. ``lock`` is the lock document as parsed JSON, for ``recipe`` to read.

    ``users`` and ``groups`` are the image's own, by name: uid, gid, comment, home, shell; gid,
    members. ``trust_stores`` are (path, who reads it) of the stores that hold the recipe's
    certificates. ``left_out`` are (pattern of paths, reason) of what a machine would have and the
    image has not; ``accounts`` ``user NAME`` or ``group NAME`` → what made it.
    """

    image: str
    platform: Platform
    variant: str
    recipe_digest: Digest
    lock_digest: Digest
    lock: dict[str, Any]
    paths: dict[str, RecordedPath]
    removed: dict[str, Reason]
    users: dict[str, tuple[str, ...]]
    groups: dict[str, tuple[str, ...]]
    checks: tuple[Check, ...]
    trust_stores: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, Reason], ...] = ()
    accounts: Mapping[str, Reason] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What a build knows of an image beside its tree; fields as in ``BuildRecord``."""

    checks: Sequence[Check] = ()
    trust_stores: Sequence[TrustStore] = ()
    left_out: Sequence[tuple[str, Reason]] = ()
    accounts: Mapping[str, Reason] = field(default_factory=dict)


def record(image: AttestedImage, noted: Noted | None = None) -> bytes:
    """The build record of ``image``, with what its build ``noted``."""
    noted = noted or Noted()
    reasons = _Reasons()
    paths = [_path_row(entry, reasons) for entry in image.tree]
    removed = [[path, reasons.number(why)] for path, why in sorted(image.tree.removed.items())]
    users, groups = _accounts(image, "/etc/passwd"), _accounts(image, "/etc/group")
    here = {*(f"user {name}" for name in users), *(f"group {name}" for name in groups)}
    document = {
        "schema_version": SCHEMA_VERSION,
        "image": image.name,
        "platform": str(image.target.platform),
        "variant": image.target.variant,
        "recipe": str(image.recipe_digest),
        "lock_digest": str(image.lock_digest),
        "lock": json.loads(image.lock_data),
        "paths": paths,
        "xattrs": _xattrs(image.tree),
        "removed": removed,
        "left_out": [[pattern, reasons.number(why)] for pattern, why in noted.left_out],
        "users": users,
        "groups": groups,
        "accounts": {
            name: reasons.number(why)
            for name, why in sorted(noted.accounts.items())
            if name in here
        },
        "checks": [check_document(check) for check in sorted(noted.checks, key=_check_key)],
    }
    document["reasons"] = reasons.rows
    if noted.trust_stores:
        document["trust_stores"] = [[store.path, store.readers] for store in noted.trust_stores]
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def read_record(data: bytes) -> BuildRecord:
    """Read a record. Raises ``HostileInputError`` for anything that ``record`` did not write."""
    if len(data) > MAX_RECORD:
        raise _refused("it is larger than any honest one")
    try:
        document = json.loads(data)
        version = document["schema_version"]
        if version not in (SCHEMA_VERSION, _WITHOUT_XATTRS):
            raise _refused(f"schema version {version!r} is not known here")
        reasons = [Reason(Origin(o), _text(s), _text(d)) for o, s, d in document["reasons"]]
        xattrs = None if version == _WITHOUT_XATTRS else dict(document["xattrs"])
        paths = [_read_path(row, reasons, xattrs) for row in document["paths"]]
        return BuildRecord(
            image=_text(document["image"]),
            platform=Platform.parse(document["platform"]),
            variant=_text(document["variant"]),
            recipe_digest=Digest.parse(document["recipe"]),
            lock_digest=Digest.parse(document["lock_digest"]),
            lock=dict(document["lock"]),
            paths={path.path: path for path in paths},
            removed={_text(path): reasons[why] for path, why in document["removed"]},
            users=_read_accounts(document["users"]),
            groups=_read_accounts(document["groups"]),
            checks=tuple(read_check(row) for row in document["checks"]),
            trust_stores=tuple(
                (_text(path), _text(readers)) for path, readers in document.get("trust_stores", [])
            ),
            left_out=tuple(
                (_text(pattern), reasons[_number(why)])
                for pattern, why in document.get("left_out", [])
            ),
            accounts={
                _text(name): reasons[_number(why)]
                for name, why in document.get("accounts", {}).items()
            },
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise _refused(f"{type(error).__name__}: {error}") from error


def _refused(cause: str) -> HostileInputError:
    return HostileInputError(
        f"the build record cannot be read: {cause}",
        resolution="Read the image with the neve that built it, or give recipe and lock instead.",
    )


class _Reasons:
    """Reasons by number: a few hundred stand behind thousands of paths."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self._numbers: dict[Reason, int] = {}

    def number(self, reason: Reason) -> int:
        number = self._numbers.get(reason)
        if number is None:
            number = self._numbers[reason] = len(self.rows)
            self.rows.append([reason.origin.value, reason.subject, reason.detail])
        return number


def _path_row(entry: FileEntry, reasons: _Reasons) -> list[Any]:
    content = entry.content
    return [
        entry.path,
        entry.kind.value,
        entry.mode,
        entry.uid,
        entry.gid,
        content.size if content else 0,
        content.digest.value if content else None,
        entry.target,
        list(entry.owners),
        reasons.number(entry.reason),
    ]


def _xattrs(tree: Tree) -> dict[str, dict[str, str]]:
    """Those of every path that has some; a hard link has what the file has that it names."""
    found = {}
    for entry in tree:
        held = tree.content_entry(entry).xattrs
        if held:
            found[entry.path] = {name: base64.b64encode(value).decode() for name, value in held}
    return found


def _read_xattrs(rows: Mapping[str, str]) -> tuple[tuple[str, bytes], ...]:
    read = ((_text(name), base64.b64decode(value, validate=True)) for name, value in rows.items())
    return tuple(sorted(read))


def _accounts(image: AttestedImage, path: str) -> dict[str, list[str]]:
    """The rows of ``passwd(5)`` or ``group(5)`` by name; a line of no account is no row."""
    entry = image.tree.locate(path)
    if entry is None or entry.content is None:
        return {}
    text = bytes(image.read(entry)).decode("utf-8", "backslashreplace")
    rows = (line.split(":") for line in text.split("\n") if not line.startswith("#"))
    return {name: fields for name, _, *fields in (row for row in rows if len(row) > 2)}


def _read_accounts(rows: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {_text(name): tuple(_text(one) for one in fields) for name, fields in rows.items()}


def _read_path(
    row: Iterable[Any], reasons: list[Reason], xattrs: Mapping[str, Any] | None
) -> RecordedPath:
    path, kind, mode, uid, gid, size, digest, target, owners, reason = row
    return RecordedPath(
        path=_text(path),
        kind=Kind(kind),
        mode=_number(mode),
        uid=_number(uid),
        gid=_number(gid),
        size=_number(size),
        digest=None if digest is None else Digest("sha256", digest),
        target=None if target is None else _text(target),
        owners=tuple(_text(owner) for owner in owners),
        reason=reasons[_number(reason)],
        xattrs=None if xattrs is None else _read_xattrs(xattrs.get(path, {})),
    )


def check_document(check: Check) -> dict[str, Any]:
    """A check as JSON."""
    return {"rule": check.rule, "subject": check.subject, **_verdict(check.verdict)}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    match verdict:
        case Pass(evidence):
            return {"verdict": "pass", "evidence": evidence}
        case Fail(evidence):
            return {"verdict": "fail", "evidence": evidence}
        case Skipped(reason):
            return {"verdict": "skipped", "reason": reason}
        case Waived(waiver, failure):
            exception = {
                "rule": waiver.rule,
                "subject": waiver.subject,
                "reason": waiver.reason,
                "owner": waiver.owner,
                "expires": waiver.expires.isoformat(),
            }
            return {"verdict": "waived", "evidence": failure.evidence, "waiver": exception}


def read_check(row: dict[str, Any]) -> Check:
    """The check that ``check_document`` wrote; ``KeyError``, ``TypeError`` or ``ValueError``."""
    return Check(rule=_text(row["rule"]), subject=_text(row["subject"]), verdict=_read_verdict(row))


def _read_verdict(row: dict[str, Any]) -> Verdict:
    match row["verdict"]:
        case "pass":
            return Pass(_text(row["evidence"]))
        case "fail":
            return Fail(_text(row["evidence"]))
        case "skipped":
            return Skipped(_text(row["reason"]))
        case "waived":
            exception = row["waiver"]
            waiver = Waiver(
                rule=_text(exception["rule"]),
                subject=_text(exception["subject"]),
                reason=_text(exception["reason"]),
                owner=_text(exception["owner"]),
                expires=date.fromisoformat(exception["expires"]),
            )
            return Waived(waiver, Fail(_text(row["evidence"])))
        case other:
            raise ValueError(f"verdict {other!r}")


def _check_key(check: Check) -> tuple[str, str]:
    return check.rule, check.subject


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no count")
    return value
