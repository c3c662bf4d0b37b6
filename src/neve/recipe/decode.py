"""A checked document's plain data → the ``Recipe``, with the files it names read in.

Trusts the grammar: every value has its shape by now. Owns what only the file system can tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from neve.errors import Place
from neve.model import Digest, Platform, Waiver, sha256_of
from neve.recipe.problems import Problems
from neve.recipe.services_read import check_services, read_services
from neve.recipe.sources import MAX_FILE as MAX_SOURCE
from neve.recipe.sources import Source, SourceItem, SourceRefusedError, SourceRoot, read_source
from neve.recipe.types import (
    Accounts,
    Distribution,
    File,
    Group,
    HealthCheck,
    Loosening,
    PackageRequest,
    Recipe,
    RecipeSource,
    Repository,
    Run,
    Service,
    TrustedCertificate,
    User,
    Variant,
)
from neve.recipe.upstream_ids import UPSTREAM_IDS
from neve.recipe.words import duration_seconds

if TYPE_CHECKING:
    from neve.recipe.certificates import Wish

T = TypeVar("T")


class Owners(TypedDict):
    """The owner and group of a file, as keywords of ``File``."""

    owner: str
    group: str


UNKNOWN_SCRIPT = "unknown-script"


@dataclass(slots=True)
class Decoder:
    """Builds a recipe; ``roots`` are the directories by the name their recipe is shown as."""

    places: dict[str, Place]
    roots: dict[str, SourceRoot]
    problems: Problems
    sources: dict[str, RecipeSource] = field(default_factory=dict)
    contents: dict[Digest, bytes] = field(default_factory=dict)

    def recipe(self, data: dict[str, Any], name: str) -> Recipe:
        """The recipe that ``data`` says; problems with files are noted, not raised."""
        known = {k: v for k, v in data.items() if k in ("snapshot", "bytecode")}
        if "platforms" in data:
            known["platforms"] = _unique(Platform.parse(text) for text in data["platforms"])
        return Recipe(
            name=name,
            base=Distribution(name=data["distribution"], release=data["release"]),
            title=data.get("title", ""),
            description=data.get("description", ""),
            repositories=tuple(
                self._repository(item, f"repositories[{number}]")
                for number, item in enumerate(data.get("repositories", []))
            ),
            packages=_requests(data),
            exclude=_unique(data.get("exclude", [])),
            accounts=_accounts(data.get("accounts", {})),
            files=self._files(data.get("files", {})),
            certificates=self._certificates(data.get("certificates", [])),
            services=self._services(data),
            run=_run(data.get("run", {})),
            keep=_unique(data.get("keep", [])),
            loosened=_loosened(data),
            acknowledged=tuple(_waiver(item) for item in data.get("acknowledged", [])),
            variants=tuple(
                _variant(name, item) for name, item in sorted(data.get("variants", {}).items())
            ),
            **known,
        )

    def _repository(self, item: dict[str, Any], at: str) -> Repository:
        keyring = None
        if "keyring" in item:
            source = self._source(item["keyring"], f"{at}.keyring")
            if source is not None and source.is_tree:
                self._refuse(f"{at}.keyring", "a keyring is one file", "Name the file.")
            elif source is not None:
                keyring = self._keyring(source.items[0], item["keyring"], f"{at}.keyring")
                record = replace(source.recorded, executable=None)
                self.sources[record.path] = record
        return Repository(
            name=item["name"],
            url=item.get("url"),
            suite=item.get("suite", item["name"]),
            components=_unique(item.get("components", [])),
            keyring=keyring,
        )

    def _keyring(self, item: SourceItem, name: str, at: str) -> Digest:
        from neve.recipe.keyrings import keyring_flaw

        flaw = keyring_flaw(item.data or b"")
        if flaw is not None:
            brief, resolution = flaw
            self._refuse(at, f"{at}: {name} {brief}", resolution)
        return self._content(item)

    def _files(self, data: dict[str, dict[str, Any]]) -> tuple[File, ...]:
        """All files by path. An entry of its own wins over one that comes with a tree of the same
        recipe; a tree wins over what its recipe inherits.
        """
        single: dict[str, File] = {}
        from_trees: dict[str, tuple[str, File]] = {}
        for path, item in data.items():
            at = f"files.{path}"
            owners = Owners(owner=item.get("owner", "root"), group=item.get("group", "root"))
            mode = int(item["mode"], 8) if "mode" in item else None
            if "source" not in item:
                single[path] = _plain_file(path, item, mode, owners)
                continue
            source = self._source(item["source"], f"{at}.source")
            if source is None:
                continue
            if not source.is_tree:
                single[path] = self._file(path, source, source.items[0], mode, owners)
                continue
            if mode is not None:
                brief = f"{at}.mode: a tree keeps each file's execute bit"
                self._refuse(f"{at}.mode", brief, "Remove mode, or name the file on its own.")
            for below in _kept(source, owned=set(owners.values()) != {"root"}):
                full = f"{path.rstrip('/')}/{below.path}".rstrip("/") or "/"
                if full in from_trees and from_trees[full][0] != path and not below.directory:
                    brief = f"{at}: {full} comes from files.{from_trees[full][0]} as well"
                    self._refuse(at, brief, "Let one path come from one tree.")
                self.places.setdefault(f"files.{full}", self.places[at])
                from_trees[full] = (path, self._file(full, source, below, None, owners))
        every = {path: file for path, (_, file) in from_trees.items()}
        for path, file in single.items():
            tree, brought = from_trees.get(path, ("", file))
            if brought.directory or not self._inherited(path, below=tree):
                every[path] = file
        return tuple(every[path] for path in sorted(every, key=lambda p: p.split("/")))

    def _inherited(self, path: str, *, below: str) -> bool:
        """Whether ``path`` comes from a recipe that the one with the tree ``below`` extends."""
        chain = list(self.roots)
        own, tree = (self.places.get(f"files.{at}") for at in (path, below))
        if own is None or tree is None:
            return False
        return chain.index(own.file) > chain.index(tree.file)

    def _services(self, data: dict[str, Any]) -> tuple[Service, ...]:
        services = read_services(data.get("services", {}))
        check_services(services, _run(data.get("run", {})), self._refuse)
        return services

    def _certificates(self, data: list[dict[str, Any]]) -> tuple[TrustedCertificate, ...]:
        """All certificates, each once; what is wrong is noted at its line of the file or text."""
        if not data:
            return ()
        from neve.recipe.certificates import join_certificates, read_wish

        entries = []
        for number, item in enumerate(data):
            wish = self._wish(item, f"certificates[{number}]")
            if wish is None:
                continue
            found, flaws = read_wish(wish)
            for flaw in flaws:
                line = wish.place.line + flaw.line
                place = replace(wish.place, line=line, column=flaw.column)
                self.problems.add(place, f"{wish.field}: {flaw.brief}", flaw.resolution)
            entries.append(found)
        return join_certificates(entries)

    def _wish(self, item: dict[str, Any], at: str) -> Wish | None:
        """One entry of ``certificates`` with its bytes; ``None`` where they can't be had."""
        from neve.recipe.certificates import AUTHORITY, MAX_FILE, Wish, name_of

        trust = item.get("trust", AUTHORITY)
        if "text" in item:
            return Wish(
                data=item["text"].encode(),
                origin=f"{at}.text",
                name=item.get("name", ""),
                trust=trust,
                field=at,
                place=self.places[f"{at}.text"],
            )
        where = f"{at}.file" if f"{at}.file" in self.places else at
        source = self._source(item["file"], where, limit=MAX_FILE)
        if source is None or source.is_tree:
            if source is not None:
                self._refuse(where, f"{at}: a certificate is a file", "Name the file.")
            return None
        record = replace(source.recorded, executable=None)
        self.sources[record.path] = record
        return Wish(
            data=source.items[0].data or b"",
            origin=record.path,
            name=item.get("name") or name_of(record.path),
            trust=trust,
            field=at,
            place=Place(file=record.path, line=0, column=1),
        )

    def _file(
        self,
        path: str,
        source: Source,
        item: SourceItem,
        mode: int | None,
        owners: Owners,
    ) -> File:
        name = source.recorded.path.rstrip("/")
        name = f"{name}/{item.path}" if item.path else name
        if item.directory:
            return File(path=path, directory=True, mode=0o755, **owners)
        if item.link is not None:
            return File(path=path, link=item.link, source=name, **owners)
        digest = self._content(item)
        usual = 0o755 if item.executable else 0o644
        return File(
            path=path,
            source=name,
            digest=digest,
            size=len(item.data or b""),
            mode=usual if mode is None else mode,
            **owners,
        )

    def _content(self, item: SourceItem) -> Digest:
        data = item.data or b""
        digest = sha256_of(data)
        self.contents[digest] = data
        return digest

    def _source(self, relative: str, at: str, *, limit: int = MAX_SOURCE) -> Source | None:
        place = self.places[at]
        root = self.roots[place.file]
        try:
            source = read_source(root, relative, limit=limit)
        except SourceRefusedError as refused:
            self._refuse(at, f"{at}: {refused.brief}", refused.resolution)
            return None
        self.sources[source.recorded.path] = source.recorded
        return source

    def _refuse(self, at: str, brief: str, resolution: str) -> None:
        self.problems.add(self.places[at], brief, resolution)


def _kept(source: Source, *, owned: bool) -> Iterable[SourceItem]:
    """The items of a tree that say something of their own.

    A directory that holds others and is root's is made where it is missing, and one that the
    image has already (``/etc``, ``/tmp``) keeps its mode and owner.
    """
    parents = {item.path.rpartition("/")[0] for item in source.items}
    top = SourceItem(path="", directory=True)
    for item in (top, *source.items):
        if owned or not item.directory or item.path not in parents:
            yield item


def _plain_file(path: str, item: dict[str, Any], mode: int | None, owners: Owners) -> File:
    if "link" in item:
        return File(path=path, link=item["link"], **owners)
    if "directory" in item:
        return File(path=path, directory=True, mode=0o755 if mode is None else mode, **owners)
    text: str = item["content"]
    size = len(text.encode())
    return File(path=path, content=text, size=size, mode=0o644 if mode is None else mode, **owners)


def _requests(data: dict[str, Any]) -> tuple[PackageRequest, ...]:
    return tuple(PackageRequest(**item) for item in data.get("packages", []))


def _variant(name: str, item: dict[str, Any]) -> Variant:
    own = name if name in ("debug", "dev") else "superset"
    return Variant(
        name=name,
        kind=item.get("kind", own),
        expires=date.fromisoformat(item["expires"]) if "expires" in item else None,
        packages=_requests(item),
        loosened=_loosened(item),
        keep=_unique(item.get("keep", [])),
    )


def _loosened(data: dict[str, Any]) -> tuple[Loosening, ...]:
    return tuple(Loosening(**item) for item in data.get("loosened", []))


def _waiver(item: dict[str, Any]) -> Waiver:
    return Waiver(
        rule=UNKNOWN_SCRIPT,
        subject=item["script"],
        reason=item["reason"],
        owner=item["owner"],
        expires=date.fromisoformat(item["expires"]),
    )


def _accounts(data: dict[str, Any]) -> Accounts:
    users = sorted(data.get("users", {}).items())
    groups = sorted(data.get("groups", {}).items())
    return Accounts(
        users=tuple(_user(name, _tuples(item)) for name, item in users),
        groups=tuple(Group(name=name, **_tuples(item)) for name, item in groups),
    )


def _user(name: str, item: dict[str, Any]) -> User:
    """``ids: upstream`` becomes its numbers here, so that a lock holds them."""
    if item.pop("ids", None) is not None:
        upstream = UPSTREAM_IDS[name]
        item = {"uid": upstream.uid, "gid": upstream.gid} | item
    return User(name=name, **item)


def _run(data: dict[str, Any]) -> Run:
    known = dict(data)
    for key in ("environment", "labels"):
        known[key] = tuple(sorted(data.get(key, {}).items()))
    for key in ("ports", "volumes", "writable"):
        known[key] = _unique(data.get(key, []))
    if "health_check" in data:
        check = dict(data["health_check"])
        for key in ("interval", "timeout", "start_period"):
            if key in check:
                check[key] = duration_seconds(check[key])
        known["health_check"] = HealthCheck(**_tuples(check))
    return Run(**_tuples(known))


def _tuples(item: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in item.items()}


def _unique(values: Iterable[T]) -> tuple[T, ...]:
    """Without repetitions, in the order of first mention."""
    return tuple(dict.fromkeys(values))
