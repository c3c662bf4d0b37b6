"""The recipe's grammar: every key, its shape and one sentence about it, in one table.

The reader, the JSON Schema, the reference page and the rules of ``extends`` all come from here.
"""

from __future__ import annotations

from typing import Any

from neve.recipe import words
from neve.recipe.document import Mapping, Node, Sequence
from neve.recipe.problems import closest
from neve.recipe.services_grammar import SERVICES
from neve.recipe.shape import Either, Field, Flag, ListOf, MapOf, Reading, Record, Shape, Whole
from neve.recipe.upstream_ids import UPSTREAM_IDS

_EXEC = "Write the exec form, a list: [program, argument]. There is no shell to split a string."


def expand_request(text: str) -> dict[str, Any]:
    """``git/backports`` or ``"libpq5:i386=17.*"`` as the long form's keys."""
    match = words.REQUEST.fullmatch(text)
    parts = match.groupdict() if match else {"name": text}
    return {key: value for key, value in parts.items() if value is not None}


def _check_repository(read: dict[str, Any], node: Node, at: str, reading: Reading) -> None:
    if "url" in read and "keyring" not in read:
        brief = f"{at}: a repository with a url needs its keyring"
        reading.bad(node, brief, "Add keyring: the file with its signing keys, beside the recipe.")
    if ("url" in read or "keyring" in read) and "suite" not in read:
        brief = f"{at}: suite is missing"
        reading.bad(node, brief, "Add suite: the name under dists/, as stable.")


def _check_file(read: dict[str, Any], node: Node, at: str, reading: Reading) -> None:
    kinds = [key for key in ("content", "source", "link", "directory") if key in read]
    if len(kinds) != 1:
        said = " and ".join(kinds) or "none of them"
        brief = f"{at}: exactly one of content, source, link, directory is needed, found {said}"
        reading.bad(node, brief, "Keep one of them.")
    elif kinds == ["link"] and "mode" in read:
        where = _value(node, "mode")
        reading.bad(where, f"{at}.mode: a link has no mode", "Remove mode.")


def _check_certificate(read: dict[str, Any], node: Node, at: str, reading: Reading) -> None:
    if ("file" in read) == ("text" in read):
        said = "found both" if "file" in read else "found none of them"
        brief = f"{at}: exactly one of file and text is needed, {said}"
        reading.bad(node, brief, "Keep one of them.")


def _check_user(read: dict[str, Any], node: Node, at: str, reading: Reading) -> None:
    if "ids" not in read:
        return
    where, name = _value(node, "ids"), at.removeprefix("accounts.users.")
    numbers = [key for key in ("uid", "gid") if key in read]
    if numbers:
        brief = f"{at}: ids: upstream says {' and '.join(numbers)} already"
        reading.bad(where, brief, "Keep ids, or the numbers.")
    elif name not in UPSTREAM_IDS:
        near = closest(name, UPSTREAM_IDS)
        meant = f"Did you mean {near}? " if near else ""
        brief = f"{at}.ids: no well-known image has an account {name} that neve knows of"
        advice = f"{meant}Known are {', '.join(UPSTREAM_IDS)}; pin others with uid and gid, as "
        reading.bad(where, brief, advice + "`id NAME` prints them in the image that you leave.")


def _check_recipe(read: dict[str, Any], node: Node, at: str, reading: Reading) -> None:
    if "runtime" in read.get("variants", {}):
        where = _value(node, "variants")
        brief = "variants.runtime: that is the recipe itself"
        reading.bad(where, brief, "Choose another name, as debug.")
    wanted: dict[tuple[str, str], int] = {}
    items = _value(node, "packages")
    for number, request in enumerate(read.get("packages", [])):
        where = items.items[number] if isinstance(items, Sequence) else node
        key = (request["name"], request.get("architecture", ""))
        if key in wanted:
            brief = f"packages[{number}]: {request['name']} is asked for twice"
            reading.bad(where, brief, f"Keep one; the other is packages[{wanted[key]}].")
        elif request["name"] in read.get("exclude", []):
            brief = f"packages[{number}]: {request['name']} is excluded as well"
            reading.bad(where, brief, "Remove it from packages or from exclude.")
        wanted.setdefault(key, number)
    named: set[str] = set()
    repositories = _value(node, "repositories")
    for number, repository in enumerate(read.get("repositories", [])):
        if repository["name"] in named:
            where = repositories.items[number] if isinstance(repositories, Sequence) else node
            brief = f"repositories[{number}]: the name {repository['name']} stands twice"
            reading.bad(where, brief, "Give each repository its own name.")
        named.add(repository["name"])


def _value(node: Node, key: str) -> Node:
    found = node.get(key) if isinstance(node, Mapping) else None
    return node if found is None else found


def _key(name: str, shape: Shape, doc: str, *, required: bool = False, merge: str = "") -> Field:
    default = {ListOf: "append", MapOf: "merge", Record: "merge"}.get(type(shape), "replace")
    return Field(name=name, shape=shape, doc=doc, required=required, merge=merge or default)


_REQUESTS = ListOf(
    item=Either(
        short=words.PACKAGE_REQUEST,
        expand=expand_request,
        long=Record(
            what="a package request",
            fields=(
                _key("name", words.PACKAGE_NAME, "The package's name.", required=True),
                _key("version", words.VERSION, "An exact version or a pattern, as 17.*."),
                _key("release", words.SUITE, "A suite or repository to prefer for it."),
                _key("architecture", words.ARCHITECTURE, "A foreign architecture, as i386."),
            ),
        ),
    )
)
_REPOSITORY = Record(
    what="a repository",
    check=_check_repository,
    fields=(
        _key("name", words.ALIAS, "Its alias: what a lock calls it.", required=True),
        _key("url", words.URL, "Where it is; never written to the lock, no credentials."),
        _key("suite", words.SUITE, "The directory under dists/; by default the alias."),
        _key(
            "components",
            ListOf(item=words.SUITE, minimum=1),
            "Components to use; by default main, or the distribution's own choice.",
            merge="replace",
        ),
        _key(
            "keyring",
            words.BESIDE,
            "File with its signing keys, beside the recipe; without it the distribution's own.",
        ),
    ),
    rules={
        "dependentRequired": {"url": ["keyring", "suite"], "keyring": ["suite"]},
    },
)
_USER = Record(
    what="a user",
    empty=True,
    check=_check_user,
    fields=(
        _key("uid", words.UID, "Numeric id; by default the next free system id."),
        _key(
            "ids",
            words.IDS,
            "upstream: the uid and gid that the well-known image of its software has.",
        ),
        _key("group", words.ACCOUNT, "Primary group; by default one of the same name."),
        _key("gid", words.GID, "Numeric id of the primary group."),
        _key("groups", ListOf(item=words.ACCOUNT), "Further groups."),
        _key("home", words.PATH, "Home directory; by default none."),
        _key("shell", words.PATH, "Login shell; by default /usr/sbin/nologin."),
        _key("comment", words.COMMENT, "The comment (GECOS) field."),
    ),
)
_GROUP = Record(
    what="a group",
    empty=True,
    fields=(
        _key("gid", words.GID, "Numeric id; by default the next free system id."),
        _key("members", ListOf(item=words.ACCOUNT), "Users in it."),
    ),
)
_ACCOUNTS = Record(
    what="accounts",
    fields=(
        _key("users", MapOf(key=words.ACCOUNT, value=_USER), "Users to create or to pin, by name."),
        _key(
            "groups", MapOf(key=words.ACCOUNT, value=_GROUP), "Groups to create or to pin, by name."
        ),
    ),
)
_HEALTH = Record(
    what="a health check",
    fields=(
        _key(
            "command",
            ListOf(item=words.ARGUMENT, minimum=1, text_hint=_EXEC),
            "Program and arguments that exit 0 when the service is well.",
            required=True,
            merge="replace",
        ),
        _key("interval", words.DURATION, "Time between checks; by default 30s."),
        _key("timeout", words.DURATION, "Time a check may take; by default 30s."),
        _key("start_period", words.DURATION, "Time to start in; by default 0s."),
        _key(
            "retries",
            Whole(what="a number of retries", low=1, high=100),
            "Failures in a row that mean unhealthy; by default 3.",
        ),
    ),
)
_ARGUMENTS = ListOf(item=words.ARGUMENT, text_hint=_EXEC)
_RUN = Record(
    what="run settings",
    fields=(
        _key("user", words.OWNER, "Account to run as; by default an unprivileged one, 65532."),
        _key("workdir", words.PATH, "Working directory."),
        _key("entrypoint", _ARGUMENTS, "Program and arguments, exec form.", merge="replace"),
        _key("command", _ARGUMENTS, "Default arguments, exec form.", merge="replace"),
        _key("environment", MapOf(key=words.VARIABLE, value=words.VALUE), "Environment variables."),
        _key("ports", ListOf(item=words.PORT), "Ports it listens on: 8080 or 53/udp."),
        _key("volumes", ListOf(item=words.PATH), "Paths meant for volumes."),
        _key("labels", MapOf(key=words.LABEL, value=words.VALUE), "Labels of the image."),
        _key("stop_signal", words.SIGNAL, "Signal that stops it, as SIGTERM."),
        _key(
            "health_check",
            _HEALTH,
            "Health check in exec form (Docker formats only: OCI has none).",
        ),
        _key("writable", ListOf(item=words.PATH), "Paths the account must be able to write."),
        _key("arbitrary_uid", Flag(), "Run under any uid in group 0, as OpenShift does."),
    ),
)
_FILE = Record(
    what="a file",
    check=_check_file,
    fields=(
        _key("content", words.ANY_TEXT, "The text itself."),
        _key("source", words.BESIDE, "A file or directory tree beside the recipe."),
        _key("link", words.LINK_TARGET, "Make a symbolic link with this target."),
        _key("directory", Flag(only=True), "Make a directory."),
        _key("mode", words.MODE, 'Octal mode in quotes, as "0644".'),
        _key("owner", words.OWNER, "Owner, a name or id; by default root."),
        _key("group", words.OWNER, "Group, a name or id; by default root."),
    ),
    rules={
        "oneOf": [{"required": [key]} for key in ("content", "source", "link", "directory")],
        "not": {"required": ["link", "mode"]},
    },
)
_CERTIFICATES = ListOf(
    item=Either(
        short=words.BESIDE,
        expand=lambda text: {"file": text},
        long=Record(
            what="a certificate",
            check=_check_certificate,
            fields=(
                _key("file", words.BESIDE, "File beside the recipe, PEM (several) or DER (one)."),
                _key("text", words.ANY_TEXT, "The PEM text itself."),
                _key("name", words.STORE_NAME, "Its name in trust stores; by default the file's."),
                _key(
                    "trust",
                    words.TRUST,
                    "leaf: trust a self-signed certificate that is no CA, for itself alone.",
                ),
            ),
            rules={"oneOf": [{"required": ["file"]}, {"required": ["text"]}]},
        ),
    )
)
_LOOSENED = ListOf(
    item=Record(
        what="a loosening",
        fields=(
            _key("rule", words.RULE, "The hardening rule's name.", required=True),
            _key("subject", words.SUBJECT, "The one path or package it is loosened for."),
            _key("reason", words.REASON, "Why it has to be.", required=True),
        ),
    )
)
_KEEP = ListOf(item=words.KEEP)
_ACKNOWLEDGED = ListOf(
    item=Record(
        what="an acknowledged script",
        fields=(
            _key("script", words.SCRIPT, "Package and script digest, as reported.", required=True),
            _key("reason", words.REASON, "Why the image does without it.", required=True),
            _key("owner", words.PERSON, "Who answers for it.", required=True),
            _key("expires", words.DAY, "Last day it holds.", required=True),
        ),
    )
)
_VARIANT = Record(
    what="a variant",
    fields=(
        _key(
            "kind",
            words.VARIANT_KIND,
            "debug: the runtime image's layers and one of tools; dev: with package manager and "
            "shell, to build in; superset: hardened as the image is. By default as it is called, "
            "else superset.",
        ),
        _key(
            "expires",
            words.DAY,
            "Last day a debug variant may be used; by default 90 days after the lock's time.",
        ),
        _key("packages", _REQUESTS, "Packages it has besides."),
        _key("loosened", _LOOSENED, "Hardening it loosens besides."),
        _key("keep", _KEEP, "Paths it keeps besides."),
    ),
)

RECIPE = Record(
    what="a recipe",
    check=_check_recipe,
    fields=(
        _key(
            "schema_version",
            Whole(what="a schema version", low=1, high=1),
            "Version of this format: 1.",
            merge="own",
        ),
        _key(
            "name",
            words.IMAGE_NAME,
            "The image's name; by default the file's, or of neve.yaml the directory's.",
            merge="own",
        ),
        _key("title", words.LINE, "A title for people.", merge="own"),
        _key("description", words.ANY_TEXT, "What the image is for.", merge="own"),
        _key("extends", words.BASE, "Another recipe that this one builds on.", merge="own"),
        _key("distribution", words.DISTRIBUTION, "Where the packages come from, as debian."),
        _key("release", words.RELEASE, 'Its release, as "13" or trixie.'),
        _key("snapshot", words.TIMESTAMP, "Archive time to lock against."),
        _key(
            "repositories",
            ListOf(
                item=Either(short=words.ALIAS, expand=lambda text: {"name": text}, long=_REPOSITORY)
            ),
            "Further signed repositories; an alias alone is the distribution's own, as backports.",
        ),
        _key("packages", _REQUESTS, "Packages to have: name[:architecture][/release][=version]."),
        _key("exclude", ListOf(item=words.PACKAGE_NAME), "Packages that must not be in it."),
        _key("accounts", _ACCOUNTS, "Users and groups to create."),
        _key("run", _RUN, "How the image runs."),
        _key(
            "files",
            MapOf(key=words.PATH, value=_FILE),
            "Files, directories and links to add, by path.",
            merge="entries",
        ),
        _key("certificates", _CERTIFICATES, "CA certificates that every trust store gets."),
        _key("services", SERVICES, "Several programs in one image, by name, each supervised."),
        _key("keep", _KEEP, "Paths that pruning must leave."),
        _key("bytecode", Flag(), "Byte-compile Python; by default where Python is in the image."),
        _key("loosened", _LOOSENED, "Hardening rules loosened, each with a reason."),
        _key("acknowledged", _ACKNOWLEDGED, "Unknown package scripts somebody answers for."),
        _key(
            "variants",
            MapOf(key=words.VARIANT, value=_VARIANT),
            "Supersets of the image at the same versions, as debug.",
        ),
        _key(
            "platforms",
            ListOf(item=words.PLATFORM, minimum=1),
            "Platforms to build for; by default linux/amd64 and linux/arm64.",
            merge="replace",
        ),
    ),
    rules={"anyOf": [{"required": ["distribution", "release"]}, {"required": ["extends"]}]},
)
