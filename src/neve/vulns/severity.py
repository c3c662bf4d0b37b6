"""How bad: words of every source on one scale, and CVSS scores worked out from their vectors.

Sources: first.org/cvss v2 §3.2, v3.0/v3.1 §7 (equations and rounding); levels of v3 §5. A v4
vector is kept and shown; its level comes from a word beside it, since its score is a lookup table.
"""

from __future__ import annotations

import math

from neve.vulns.types import Level, Severity

_WORDS = {
    "critical": Level.CRITICAL,
    "important": Level.HIGH,
    "high": Level.HIGH,
    "moderate": Level.MEDIUM,
    "medium": Level.MEDIUM,
    "low": Level.LOW,
    "negligible": Level.LOW,
    "minor": Level.LOW,
    "none": Level.NONE,
    "unimportant": Level.NONE,
}

_V3 = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_V3_PRIVILEGES = {
    "U": {"N": 0.85, "L": 0.62, "H": 0.27},
    "C": {"N": 0.85, "L": 0.68, "H": 0.5},
}
_V2 = {
    "AV": {"L": 0.395, "A": 0.646, "N": 1.0},
    "AC": {"H": 0.35, "M": 0.61, "L": 0.71},
    "Au": {"M": 0.45, "S": 0.56, "N": 0.704},
    "C": {"N": 0.0, "P": 0.275, "C": 0.66},
    "I": {"N": 0.0, "P": 0.275, "C": 0.66},
    "A": {"N": 0.0, "P": 0.275, "C": 0.66},
}


def level_of(text: str) -> Level:
    """The level that a source's word stands for; `Level.UNKNOWN` for one that says nothing."""
    return _WORDS.get(text.strip().lower(), Level.UNKNOWN)


def severity_of(source: str, text: str, *, own: bool = False) -> Severity:
    """A word or a CVSS vector as a `Severity`; ``source`` says whose it is."""
    version = vector_version(text)
    if version is None:
        return Severity(level=level_of(text), source=source, own=own)
    score = base_score(text)
    name = f"CVSS {version}, {source}" if source else f"CVSS {version}"
    return Severity(level=level_at(score), source=name, score=score, vector=text, own=own)


def vector_version(text: str) -> str | None:
    """Which CVSS a vector is of: ``2``, ``3.0``, ``3.1``, ``4.0``; ``None`` for no vector."""
    for version in ("3.1", "3.0", "4.0"):
        if text.startswith(f"CVSS:{version}/"):
            return version
    return "2" if text.startswith(("AV:", "(AV:")) else None


def level_at(score: float | None) -> Level:
    """The level of a score (CVSS v3 §5; v2 has no ratings of its own and takes these)."""
    if score is None:
        return Level.UNKNOWN
    if score == 0:
        return Level.NONE
    for bound, level in ((4.0, Level.LOW), (7.0, Level.MEDIUM), (9.0, Level.HIGH)):
        if score < bound:
            return level
    return Level.CRITICAL


def base_score(vector: str) -> float | None:
    """The base score, 0 to 10; ``None`` for a vector that is incomplete, wrong or of v4."""
    version = vector_version(vector)
    parts = vector.strip("()").removeprefix(f"CVSS:{version}/").split("/")
    metrics = dict(part.partition(":")[::2] for part in parts)
    if len(metrics) != len(parts):
        return None
    try:
        if version in ("3.0", "3.1"):
            return _v3(metrics, version)
        return _v2(metrics) if version == "2" else None
    except KeyError:
        return None


def _v3(metrics: dict[str, str], version: str) -> float:
    values = {name: table[metrics[name]] for name, table in _V3.items()}
    scope = metrics["S"]
    privileges = _V3_PRIVILEGES[scope][metrics["PR"]]
    base = 1 - (1 - values["C"]) * (1 - values["I"]) * (1 - values["A"])
    changed = 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15
    impact = 6.42 * base if scope == "U" else changed
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * values["AV"] * values["AC"] * privileges * values["UI"]
    total = impact + exploitability if scope == "U" else 1.08 * (impact + exploitability)
    return _rounded_up(min(total, 10.0), version)


def _rounded_up(value: float, version: str) -> float:
    """To the next tenth; 3.1 defines it on whole numbers, so that no machine differs."""
    if version == "3.0":
        return math.ceil(round(value, 9) * 10) / 10
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10


def _v2(metrics: dict[str, str]) -> float:
    values = {name: table[metrics[name]] for name, table in _V2.items()}
    impact = 10.41 * (1 - (1 - values["C"]) * (1 - values["I"]) * (1 - values["A"]))
    exploitability = 20 * values["AV"] * values["AC"] * values["Au"]
    factor = 0.0 if impact == 0 else 1.176
    return round((0.6 * impact + 0.4 * exploitability - 1.5) * factor + 1e-9, 1)
