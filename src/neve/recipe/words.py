"""The words a recipe is made of: the text shapes of names, paths, times, ports and the like.

Each says what it is, gives an example, and where a slip is common suggests the right form.
"""

from __future__ import annotations

import posixpath
import re
from datetime import UTC, date, datetime

from neve.recipe.problems import closest
from neve.recipe.shape import Text, Whole

PLATFORMS = (
    "linux/amd64",
    "linux/arm64",
    "linux/arm/v7",
    "linux/arm/v5",
    "linux/386",
    "linux/ppc64le",
    "linux/s390x",
    "linux/riscv64",
    "linux/mips64le",
    "linux/loong64",
)
_OTHER_NAMES = {
    "x86_64": "linux/amd64",
    "amd64": "linux/amd64",
    "x64": "linux/amd64",
    "aarch64": "linux/arm64",
    "arm64": "linux/arm64",
    "armhf": "linux/arm/v7",
    "i386": "linux/386",
}
_SIGNALS = (
    "ABRT ALRM BUS CHLD CONT FPE HUP ILL INT IO KILL PIPE PROF PWR QUIT SEGV STKFLT STOP SYS "
    "TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ"
)
SIGNALS = tuple(f"SIG{name}" for name in _SIGNALS.split())
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
PACKAGE = r"[a-z0-9][a-z0-9+.-]+"
_VERSION = r"[A-Za-z0-9.+~:*?-]+"
_SUITE = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9._-])?"
REQUEST = re.compile(
    rf"(?P<name>{PACKAGE})(?::(?P<architecture>[a-z0-9-]+))?"
    rf"(?:/(?P<release>{_SUITE}))?(?:=(?P<version>{_VERSION}))?"
)


def _absolute_hint(text: str) -> str | None:
    if "\n" in text or "\x00" in text or text[:1] in ("", "~"):
        return None
    normal = posixpath.normpath("/" + text.strip("/"))
    return f"Paths in the image are absolute and normal: {normal}"


def _port(text: str) -> str:
    number, _, protocol = text.partition("/")
    if not 1 <= int(number) <= 65535:
        raise ValueError("Use a port from 1 to 65535.")
    return f"{int(number)}/{protocol or 'tcp'}"


def _mode_hint(text: str) -> str:
    digits = text.removeprefix("0o")
    mode = digits.zfill(4) if re.fullmatch(r"[0-7]{3,4}", digits) else "0644"
    return f'Write it as octal digits in quotes: "{mode}".'


def _duration(text: str) -> str:
    duration_seconds(text)
    return text


def duration_seconds(text: str) -> float:
    """The seconds that ``1m30s`` or ``500ms`` mean; raises ``ValueError`` above a day."""
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text)
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if total > 86_400:
        raise ValueError("Use at most 24h.")
    return round(total, 3)


def _signal_hint(text: str) -> str | None:
    near = closest(text if text.upper().startswith("SIG") else f"SIG{text}", SIGNALS)
    upper = f"SIG{text.upper()}"
    return f"Did you mean {upper if upper in SIGNALS else near}?" if near else None


def _platform_hint(text: str) -> str | None:
    last = text.lower().rpartition("/")[2]
    meant = _OTHER_NAMES.get(last) or closest(text, PLATFORMS)
    return f"Did you mean {meant}?" if meant else f"Known: {', '.join(PLATFORMS)}."


def _timestamp(text: str) -> str:
    try:
        datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("Write a time of the calendar, as 20261101T000000Z.") from None
    return text


def _timestamp_hint(text: str) -> str | None:
    match = re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)", text)
    return f"Write {''.join(match.groups())}T000000Z." if match else None


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("Write a day of the calendar, as 2027-01-31.") from None
    return text


def _package_hint(text: str) -> str | None:
    if re.search(r"[<>(]|==", text):
        return "Pin with one =, as libpq5=17.* (an exact version or a pattern)."
    return f"Debian names are lower-case: {text.lower()}" if text != text.lower() else None


def _suite_hint(text: str) -> str | None:
    if not text.endswith("/"):
        return None
    return (
        "A flat repository (a suite with / at its end) is not supported: publish it with dists/ "
        "and a signed InRelease, as reprepro and aptly do, and name that suite."
    )


def _url(text: str) -> str:
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise ValueError("Remove the credentials: they are read from netrc or apt's auth.conf.")
    return text.rstrip("/")


_NORMAL_PATH = r"/|(?:/(?!\.{1,2}(?:/|$))[^/\x00\n]+)+"
LINE = Text(what="one line of text", pattern=r"[^\x00\r\n]*", example='"some words"')
REASON = Text(
    what="a reason in words", pattern=r"[^\x00]*[^\x00\s][^\x00]*", example='"initdb calls popen"'
)
ANY_TEXT = Text(what="text", example='"some words"')
ARGUMENT = Text(what="an argument", numbers=True, example='"--port"')
IMAGE_NAME = Text(
    what="an image name",
    pattern=r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*",
    example="python-app",
    hint=lambda text: (
        f"Image names are lower-case: {text.lower()}" if text != text.lower() else None
    ),
)
DISTRIBUTION = Text(what="a distribution", pattern=r"[a-z][a-z0-9-]*", example="debian")
RELEASE = Text(
    what="a release",
    pattern=r"[a-z0-9][a-z0-9.-]*",
    numbers=True,
    example='"13" or trixie',
)
TIMESTAMP = Text(
    what="an archive time",
    pattern=r"[0-9]{8}T[0-9]{6}Z",
    example="20261101T000000Z",
    normal=_timestamp,
    hint=_timestamp_hint,
)
DAY = Text(
    what="a date",
    pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    example="2027-01-31",
    normal=_day,
    json={"format": "date"},
)
PACKAGE_NAME = Text(
    what="a package name", pattern=PACKAGE, example="python3", hint=_package_hint, numbers=False
)
VERSION = Text(what="a version", pattern=_VERSION, example='"17.*"', numbers=True)
PACKAGE_REQUEST = Text(
    what="a package request",
    pattern=REQUEST.pattern.replace("?P<name>", "?:")
    .replace("?P<architecture>", "?:")
    .replace("?P<release>", "?:")
    .replace("?P<version>", "?:"),
    example='python3, "libpq5=17.*", git/backports or "libc6:i386"',
    hint=_package_hint,
)
ARCHITECTURE = Text(what="an architecture", pattern=r"[a-z0-9-]+", example="i386")
ALIAS = Text(what="a repository name", pattern=r"[a-z0-9][a-z0-9._-]*", example="corp")
SUITE = Text(what="a suite", pattern=_SUITE, example="stable", hint=_suite_hint)
URL = Text(
    what="an http or https address",
    pattern=r"https?://[^\s/?#]+(?:/[^\s?#]*)?",
    example="https://packages.example.org/debian",
    normal=_url,
)
ACCOUNT = Text(
    what="an account name",
    pattern=r"[a-z_][a-z0-9_.-]{0,31}",
    example="app",
)
OWNER = Text(
    what="an account name or a numeric id",
    pattern=r"[a-z_][a-z0-9_.-]{0,31}|[0-9]{1,9}",
    numbers=True,
    example="app or 10001",
)
COMMENT = Text(what="a comment", pattern=r"[^\x00\r\n:]*", example="Application")
PATH = Text(
    what="a path in the image",
    pattern=_NORMAL_PATH,
    example="/etc/app.conf",
    hint=_absolute_hint,
)
KEEP = Text(
    what="a path pattern",
    pattern=_NORMAL_PATH,
    example="/usr/share/doc/foo/**",
    hint=_absolute_hint,
)
LINK_TARGET = Text(what="a link's target", pattern=r"[^\x00\n]{1,4095}", example="../bin/app")
BESIDE = Text(
    what="a path beside the recipe",
    pattern=r"[^\x00\n/~][^\x00\n]*",
    example="./app",
    hint=lambda _: "Write it relative to the recipe, as ./app.",
)
STORE_NAME = Text(
    what="a name for trust stores",
    pattern=r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}",
    example="corp-ca",
)
TRUST = Text(what="authority or leaf", pattern=r"authority|leaf", example="leaf")
BASE = Text(
    what="a recipe to extend",
    pattern=r"[^\x00\n/~][^\x00\n]*",
    example="../base.yaml or catalogue:debian-13/base",
    hint=lambda _: "Write it relative to this recipe, as ../base.yaml.",
)
MODE = Text(
    what="a file mode in quotes",
    pattern=r"[0-7]{3,4}",
    example='"0644"',
    hint=_mode_hint,
)
VARIABLE = Text(what="a variable's name", pattern=r"[A-Za-z_][A-Za-z0-9_.-]*", example="LANG")
VALUE = Text(what="text", numbers=True, example='"C.UTF-8"')
PORT = Text(
    what="a port",
    pattern=r"[0-9]{1,5}(?:/(?:tcp|udp|sctp))?",
    numbers=True,
    example="8080 or 53/udp",
    normal=_port,
    json={"minimum": 1, "maximum": 65535},
)
LABEL = Text(what="a label's name", pattern=r"[^\x00\s=]+", example="org.example.team")
SIGNAL = Text(
    what="a signal",
    pattern="|".join(SIGNALS) + r"|SIGRT(?:MIN|MAX)(?:[+-][0-9]{1,2})?|[1-9]|[1-5][0-9]|6[0-4]",
    numbers=True,
    example="SIGTERM",
    hint=_signal_hint,
)
DURATION = Text(
    what="a duration",
    pattern=r"(?:[0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|s|m|h))+",
    example="30s or 1m30s",
    normal=_duration,
    hint=lambda text: f"Say the unit: {text}s." if text.isdigit() else None,
)
RULE = Text(what="a rule's name", pattern=r"[a-z][a-z0-9-]*", example="no-shell")
VARIANT = Text(what="a variant's name", pattern=r"[a-z][a-z0-9-]*", example="debug")
VARIANT_KIND = Text(what="debug, dev or superset", pattern=r"debug|dev|superset", example="debug")
PERSON = Text(
    what="a person or team", pattern=r"[^\x00\r\n]*[^\x00\s][^\x00\r\n]*", example="platform-team"
)
SUBJECT = Text(what="a path or package", pattern=r"[^\x00\s]+", example="/usr/bin/dash")
SCRIPT = Text(
    what="a package and its script's digest",
    pattern=rf"{PACKAGE}:sha256:[0-9a-f]{{12,64}}",
    example="postfix:sha256:4f1d2a90c3b7",
)
PLATFORM = Text(
    what="a platform", pattern="|".join(PLATFORMS), example="linux/amd64", hint=_platform_hint
)
UID = Whole(what="a user id", low=1, high=4_294_967_294, forbidden=(65_535,))
IDS = Text(what="upstream", pattern=r"upstream", example="upstream")
GID = Whole(what="a group id", low=0, high=4_294_967_294, forbidden=(65_535,))
