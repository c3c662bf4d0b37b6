"""Looking for secrets in text and other bytes; what is found is never repeated whole.

Bounded: a file of nothing but a rule's literal stops that rule after ``_MAX_TRIES`` and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neve.inventory.secret_keys import KEY_MARK, keys_in
from neve.inventory.secret_rules import RULES, SecretRule
from neve.inventory.types import Secret

_MAX_TRIES = 20_000
_MAX_FOUND = 100
_SPAN = 20_000
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


def scan_secrets(data: bytes, *, binary: bool) -> SecretScan:
    """The secrets in ``data``; with ``binary`` only by the rules that hold in any bytes."""
    problems: list[str] = []
    found: dict[tuple[int, str], Secret] = {}
    places = sorted(_hits(data, binary=binary, problems=problems), key=lambda hit: (hit[1], hit[0]))
    line, at = 1, 0
    for rule, offset, hint in places:
        line += data.count(b"\n", at, offset)
        at = offset
        shown = 0 if binary else line
        found.setdefault((shown, rule), Secret(rule=rule, line=shown, hint=hint))
    specific = {place for place, rule in found if rule not in _GENERAL}
    secrets = [
        secret
        for (place, rule), secret in found.items()
        if rule not in _GENERAL or place not in specific
    ]
    if len(secrets) > _MAX_FOUND:
        problems.append(_TOO_MANY)
    return SecretScan(secrets=tuple(sorted(secrets[:_MAX_FOUND])), problems=tuple(problems))


def _hits(data: bytes, *, binary: bool, problems: list[str]) -> Iterator[tuple[str, int, str]]:
    """(rule, offset, hint) of everything found."""
    if KEY_MARK in data:
        yield from keys_in(data)
    folded = b"" if binary else data.lower()
    for rule in RULES:
        if binary and (rule.folded or not rule.binary):
            continue
        yield from _matches(rule, data, folded if rule.folded else data, problems)


def _matches(
    rule: SecretRule, data: bytes, searched: bytes, problems: list[str]
) -> Iterator[tuple[str, int, str]]:
    tries = found = 0
    for literal in rule.literals:
        at = searched.find(literal)
        while at >= 0:
            tries += 1
            if tries > _MAX_TRIES or found > _MAX_FOUND:
                problems.append(f"{rule.id}: too many places to look at, the rest is not judged")
                return
            behind = at + len(literal)
            match = _tried(rule, data, at)
            if match is not None:
                found += 1
                behind = max(behind, match[1])
                yield rule.id, match[0], match[2]
            at = searched.find(literal, behind)


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
