"""Applying effects: operations package by package, then alternatives, then generators.

Owns the order of everything and the meaning of each operation; every change goes through the
workbench as an ``Edit`` with its reason. Runs nothing and reads nothing but the tree.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from neve.effects.accounts import AccountError, Accounts, UserAccount
from neve.effects.alternatives import AlternativesRegistry
from neve.effects.bench import EffectContext, EffectError, Workbench, effect_reason, elf_facts
from neve.effects.generators.omitted import ELSEWHERE, OMITTED
from neve.effects.generators.request import Requests
from neve.effects.generators.table import GENERATORS
from neve.effects.lint import refuse_unsafe
from neve.effects.ops import (
    AddGroup,
    AddMember,
    AddUser,
    Alternative,
    CopyFile,
    DeletePath,
    Divert,
    Effect,
    Generate,
    MakeDirectory,
    MakeLink,
    Operation,
    SetAttributes,
    WriteFile,
)
from neve.effects.script import Parameters
from neve.effects.sysusers import apply_sysusers
from neve.effects.tmpfiles import apply_tmpfiles
from neve.formats.deb.types import PackageFacts
from neve.model import Origin, Reason
from neve.tree import Change, Edit, FileEntry, Kind, Put, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was done, and what must be settled again once the tree has changed (pruning).

    ``omitted`` are (package, generator, why nothing is generated), for the plan to show;
    ``bytecode_directories`` what packages want compiled beside Python's own directories;
    ``accounts`` what made each, as ``Accounts.reasons``.
    """

    edits: tuple[Edit, ...]
    alternatives: AlternativesRegistry
    requests: Requests
    context: EffectContext
    omitted: tuple[tuple[str, str, str], ...] = ()
    bytecode_directories: tuple[str, ...] = ()
    accounts: Mapping[str, Reason] = field(default_factory=dict)


def apply_effects(
    tree: Tree,
    ordered: Sequence[tuple[PackageFacts, Effect | None]],
    context: EffectContext,
) -> Applied:
    """Apply the effects of planted packages to ``tree`` in configuration order.

    ``None`` stands for a package without scripts. The returned edits are already applied; they
    are what ``plan`` and ``why`` show. Raises ``EffectError``, ``AccountError``, ``DeniedError``.
    """
    if not context.elf:
        context = replace(context, elf=elf_facts(facts for facts, _ in ordered))
    run = _Run(tree, context)
    for facts, effect in ordered:
        if effect is not None:
            refuse_unsafe(effect)
            parameters = Parameters.of_package(facts, context.parameters.arch)
            run.package(effect, _control(facts, "Package"), parameters)
    run.finish()
    return Applied(
        edits=tuple(run.bench.edits),
        alternatives=run.alternatives,
        requests=run.requests,
        context=context,
        omitted=tuple(dict.fromkeys(run.omitted)),
        bytecode_directories=tuple(sorted(run.bytecode)),
        accounts=run.accounts.reasons,
    )


def settle_effects(tree: Tree, applied: Applied) -> tuple[Edit, ...]:
    """Alternatives and generated files once more, for a tree that was pruned or added to."""
    bench = Workbench(tree, applied.context)
    applied.alternatives.settle(bench)
    _generate(bench, applied.requests)
    return tuple(bench.edits)


class _Run:
    def __init__(self, tree: Tree, context: EffectContext) -> None:
        self.bench = Workbench(tree, context)
        self.accounts = Accounts.start(self.bench)
        self.alternatives = AlternativesRegistry()
        self.requests: Requests = {}
        self.omitted: list[tuple[str, str, str]] = []
        self.bytecode: set[str] = set()

    def package(self, effect: Effect, package: str, parameters: Parameters) -> None:
        before = len(self.accounts.users), len(self.accounts.groups)
        for operation in effect.operations:
            try:
                self._operation(_filled(operation, parameters), package)
            except AccountError as error:
                raise EffectError(package, error.brief) from error
        if before != (len(self.accounts.users), len(self.accounts.groups)):
            self.accounts.changed_by.append(package)
            self.accounts.made_by(effect_reason(package, "account"))

    def finish(self) -> None:
        uids = {entry.uid for entry in self.bench.tree}
        gids = {entry.gid for entry in self.bench.tree}
        self.accounts.name_ids(uids, gids)
        self.accounts.made_by(
            Reason(Origin.RULE, "static-ids", "something in the image is owned by its number")
        )
        makers = ", ".join(dict.fromkeys(self.accounts.changed_by)) or "the minimal set"
        self.accounts.write(self.bench, effect_reason("base-passwd", f"accounts of {makers}"))
        self.alternatives.settle(self.bench)
        _generate(self.bench, self.requests)

    def _operation(self, operation: Operation, package: str) -> None:
        match operation:
            case AddGroup() | AddUser() | AddMember():
                self._account(operation, package)
            case Alternative():
                self.alternatives.add(package, operation)
            case Generate():
                self._generate(operation, package)
            case _:
                self._file(operation, package)

    def _account(self, operation: AddGroup | AddUser | AddMember, package: str) -> None:
        match operation:
            case AddGroup():
                self.accounts.add_group(
                    operation.name, gid=operation.gid, allocator=operation.allocator
                )
            case AddMember():
                self.accounts.add_member(operation.user, operation.group)
                self.accounts.changed_by.append(package)
            case AddUser():
                self._user(operation, package)

    def _user(self, operation: AddUser, package: str) -> None:
        accounts = self.accounts
        if operation.name in accounts.users:
            return
        uid = operation.uid
        if uid is None:
            uid = accounts.free_uid(operation.allocator)
        if operation.gid is not None:
            gid = operation.gid
        elif operation.group is not None:
            gid = accounts.gid(operation.group)
        else:
            accounts.add_group(operation.name, allocator=operation.allocator)
            gid = accounts.gid(operation.name)
        accounts.add_user(
            UserAccount(
                name=operation.name,
                uid=uid,
                gid=gid,
                comment=operation.comment,
                home=operation.home,
                shell=operation.shell,
                lock="!*" if operation.allocator == "sysusers" else "!",
            )
        )
        if operation.create_home and operation.home not in ("/", "/nonexistent"):
            reason = effect_reason(package, f"home of {operation.name}")
            if not self.bench.is_directory(operation.home):
                self.bench.directory(operation.home, reason, uid=uid, gid=gid)

    def _generate(self, operation: Generate, package: str) -> None:
        """Accounts and tmpfiles act at once, as later operations name what they make."""
        if operation.generator == "sysusers":
            apply_sysusers(self.bench, self.accounts, package, operation.arguments)
            self.accounts.changed_by.append(package)
            self.accounts.made_by(effect_reason(package, "account: sysusers.d"))
        elif operation.generator == "tmpfiles":
            apply_tmpfiles(self.bench, self.accounts, package, operation.arguments)
        elif operation.generator in GENERATORS:
            self.requests.setdefault(operation.generator, []).append((package, operation.arguments))
        elif operation.generator in OMITTED:
            self.omitted.append((package, operation.generator, OMITTED[operation.generator]))
        elif operation.generator in ELSEWHERE:
            self.bytecode.update(a for a in operation.arguments if a.startswith("/"))
        else:
            raise EffectError(package, f"no generator is named {operation.generator!r}")

    def _file(self, operation: Operation, package: str) -> None:
        bench, accounts = self.bench, self.accounts
        match operation:
            case MakeDirectory(path=path, mode=mode, owner=owner, group=group):
                uid, gid = accounts.uid(owner), accounts.gid(group)
                reason = effect_reason(package, "directory")
                bench.directory(path, reason, mode=mode, uid=uid, gid=gid)
            case WriteFile(path=path, data=data, mode=mode, owner=owner, group=group):
                uid, gid = accounts.uid(owner), accounts.gid(group)
                reason = effect_reason(package, "written by its script")
                bench.write(path, data, reason, mode=mode, uid=uid, gid=gid)
            case CopyFile():
                self._copy(operation, package)
            case MakeLink(path=path, target=target):
                bench.link(path, target, effect_reason(package, f"link → {target}"))
            case SetAttributes():
                self._attributes(operation, package)
            case DeletePath(path=path):
                bench.remove(path, effect_reason(package, "removed by its script"))
            case Divert():
                self._divert(operation, package)
            case _:
                raise EffectError(package, f"no file operation: {operation!r}")

    def _copy(self, operation: CopyFile, package: str) -> None:
        source = self.bench.tree.locate(operation.source)
        held = None if source is None else self.bench.tree.content_entry(source)
        if held is None or held.content is None:
            raise EffectError(package, f"it copies {operation.source}, which is not in the image")
        self.bench.write(
            operation.path,
            held.content,
            effect_reason(package, f"copy of {operation.source}"),
            mode=operation.mode,
            uid=self.accounts.uid(operation.owner),
            gid=self.accounts.gid(operation.group),
        )

    def _attributes(self, operation: SetAttributes, package: str) -> None:
        where = self.bench.tree.resolve(operation.path)
        if where not in self.bench.tree:
            raise EffectError(package, f"it changes {operation.path}, which is not in the image")
        old = self.bench.tree.content_entry(self.bench.tree[where])
        mode = old.mode if operation.mode is None else operation.mode
        if old.kind is not Kind.DIRECTORY:
            mode &= ~0o6000 | old.mode  # never more privilege than the package declares
        uid = old.uid if operation.owner is None else self.accounts.uid(operation.owner)
        gid = old.gid if operation.group is None else self.accounts.gid(operation.group)
        if (mode, uid, gid) != (old.mode, old.uid, old.gid):
            reason = effect_reason(package, "owner and mode")
            self.bench.edit(Change(path=where, reason=reason, mode=mode, uid=uid, gid=gid))

    def _divert(self, operation: Divert, package: str) -> None:
        """Move another package's path away; the planter has moved what came after already."""
        where, to = self.bench.place(operation.path), self.bench.place(operation.to)
        entry = self.bench.tree.get(where)
        if entry is None or package in entry.owners or to in self.bench.tree:
            return
        reason = effect_reason(package, f"diverted from {where}")
        held = self.bench.tree.content_entry(entry)
        self.bench.directory_of(to, reason)
        self.bench.edit(Put(_moved(entry, held, to, reason.detail, package)))
        self.bench.remove(where, effect_reason(package, f"diverted to {to}"))


def diversions(ordered: Iterable[tuple[PackageFacts, Effect | None]]) -> dict[str, tuple[str, str]]:
    """Path → (new path, diverting package), for the planter: a file of any *other* package at
    the path is planted at the new one instead.
    """
    found: dict[str, tuple[str, str]] = {}
    for facts, effect in ordered:
        for operation in effect.operations if effect is not None else ():
            if isinstance(operation, Divert):
                found[operation.path] = (operation.to, _control(facts, "Package"))
    return found


def _moved(entry: FileEntry, held: FileEntry, to: str, detail: str, package: str) -> FileEntry:
    return replace(
        held,
        path=posixpath.normpath(to),
        owners=entry.owners,
        reason=effect_reason(package, detail),
    )


def _generate(bench: Workbench, requests: Requests) -> None:
    for name, generator in GENERATORS.items():
        wanted = requests.get(name, [])
        if wanted or generator.always:
            generator.run(bench, tuple(wanted))


def _filled(operation: Operation, parameters: Parameters) -> Operation:
    """The operation with its parameters put in."""
    fill = parameters.fill
    changes: dict[str, object] = {}
    for name in ("path", "source", "target", "to", "link", "home"):
        value = getattr(operation, name, None)
        if isinstance(value, str) and "{" in value:
            changes[name] = fill(value)
    if isinstance(operation, Alternative):
        changes["name"] = fill(operation.name)
        changes["slaves"] = tuple(
            (fill(link), fill(name), fill(path)) for link, name, path in operation.slaves
        )
    elif isinstance(operation, Generate):
        changes["arguments"] = tuple(fill(argument) for argument in operation.arguments)
    elif isinstance(operation, WriteFile) and b"{" in operation.data:
        text = operation.data.decode("utf-8", "surrogateescape")
        changes["data"] = fill(text).encode("utf-8", "surrogateescape")
    return replace(operation, **changes) if changes else operation  # type: ignore[arg-type]


def _control(facts: PackageFacts, field: str) -> str:
    return next((value for name, value in facts.control if name == field), "")
