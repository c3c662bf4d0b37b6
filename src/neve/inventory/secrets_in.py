"""Looking for secrets in text and other bytes; what is found is never repeated whole.

Bounded: a file of nothing but a rule's literal stops that rule after ``_MAX_TRIES`` and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from neve.inventory.secret_keys import KEY_MARK, keys_in
from neve.inventory.secret_places import Places, Where, places
from neve.inventory.secret_rules import RULES, SecretRule
from neve.inventory.types import Secret

_MAX_TRIES = 20_000
_MAX_FOUND = 100
_SPAN = 20_000
_CHUNK = 8 << 20
_OVERLAP = 64 << 10
_AROUND = 300
_GENERAL = ("assigned-secret", "url-password")
"""Rules that speak only of lines of which no other rule does."""
_TOO_MANY = f"more than {_MAX_FOUND} secrets: the rest is not shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretScan:
    """What one text holds, by line; ``problems`` name what was left unread."""

    secrets: tuple[Secret, ...]
    problems: tuple[str, ...] = ()


def secrets_in_text(text: str) -> tuple[Secret, ...]:
    """The secrets of a short text: an environment variable, a line of an image's history."""
    return scan_secrets(text.encode("utf-8", "surrogateescape"), binary=False).secrets


def scan_secrets(data: bytes | memoryview, *, binary: bool) -> SecretScan:
    """The secrets in ``data``; with ``binary`` only by the rules that hold in any bytes, and of
    each rule the first. Takes a few times ``_CHUNK`` bytes of memory, however long ``data`` is.
    """
    view = memoryview(data)
    problems: dict[str, None] = {}
    found: dict[tuple[int, str], Secret] = {}
    line = 1
    for start in range(0, max(1, len(view)), _CHUNK):
        chunk = bytes(view[start : start + _CHUNK + _OVERLAP])
        for secret in _scan_chunk(chunk, problems, binary=binary):
            shown = 0 if binary else line + secret.line
            found.setdefault((shown, secret.rule), replace(secret, line=shown))
        line += chunk.count(b"\n", 0, _CHUNK)
    specific = {place for place, rule in found if rule not in _GENERAL}
    secrets = sorted(
        secret
        for (place, rule), secret in found.items()
        if rule not in _GENERAL or place not in specific
    )
    if len(secrets) > _MAX_FOUND:
        problems[_TOO_MANY] = None
    return SecretScan(secrets=tuple(secrets[:_MAX_FOUND]), problems=tuple(problems))


def _scan_chunk(data: bytes, problems: dict[str, None], *, binary: bool) -> Iterator[Secret]:
    """The secrets of one chunk; their lines count from 0."""
    line = at = 0
    for rule, offset, hint in sorted(
        _hits(data, binary=binary, problems=problems), key=lambda hit: (hit[1], hit[0])
    ):
        line += data.count(b"\n", at, offset)
        at = offset
        yield Secret(rule=rule, line=line, hint=hint)


def _hits(
    data: bytes, *, binary: bool, problems: dict[str, None]
) -> Iterator[tuple[str, int, str]]:
    """(rule, offset, hint) of everything found."""
    if KEY_MARK in data:
        yield from keys_in(data)
    found = places(data)
    by_place = {
        Where.ANYWHERE: found.anywhere,
        Where.RUN: found.run,
        Where.AROUND: found.around,
    }
    for rule in RULES:
        if binary and (rule.folded or not rule.binary):
            continue
        searched = found.folded if rule.folded else by_place[rule.where]
        yield from _matches(rule, data, searched, problems)


def _matches(
    rule: SecretRule, data: bytes, searched: Places, problems: dict[str, None]
) -> Iterator[tuple[str, int, str]]:
    tries = found = 0
    for literal in rule.literals:
        at = searched.text.find(literal)
        while at >= 0:
            tries += 1
            if tries > _MAX_TRIES or found > _MAX_FOUND:
                problems[f"{rule.id}: too many places to look at, the rest is not judged"] = None
                return
            behind = at + len(literal)
            origin = searched.origin(at)
            match = _tried(rule, data, origin)
            if match is not None:
                found += 1
                behind = max(behind, at + match[1] - origin)
                yield rule.id, match[0], match[2]
            at = searched.text.find(literal, behind)


def _tried(rule: SecretRule, data: bytes, at: int) -> tuple[int, int, str] | None:
    """(offset, end, hint) where the pattern fits around the literal at ``at``."""
    for start in range(max(0, at - rule.lead), at + 1):
        match = rule.pattern.match(data, start, at + _SPAN)
        if match is None:
            continue
        named = "s" if "s" in rule.pattern.groupindex else 0
        value = match[named]
        around = data[max(0, start - _AROUND) : match.end() + _AROUND]
        if rule.check(value, around):
            return match.start(named), match.end(), masked(value)
        return None
    return None


def masked(value: bytes) -> str:
    """Enough of a secret to find it, and no more: how it begins and ends, and its length."""
    text = value.decode("utf-8", "replace")
    shown = 4 if len(text) >= 20 else 1
    cover = f"{text[:shown]}…{text[-shown // 2 :]} ({len(text)} characters)"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in cover)
