"""Hardening of owners, modes and generated secrets: what needs no knowledge of programs."""

from __future__ import annotations

from dataclasses import replace

from neve.effects.harden_model import (
    HardenContext,
    Outcome,
    Refusal,
    by_rule,
    loosened_lines,
    passed,
)
from neve.effects.prune_patterns import Patterns
from neve.model import Check, Fail, Origin, Pass
from neve.tree import Change, Edit, FileEntry, Inline, Kind, Put, Remove, Tree

_CAPABILITY = "security.capability"
_STICKY_PLACES = frozenset({"/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/var/lock"})  # noqa: S108
_KEY_MARK = b"PRIVATE KEY-----"
_GENERATED_SECRETS = Patterns(
    (
        "/etc/ssh/ssh_host_*_key",
        "/etc/ssh/ssh_host_*_key.pub",
        "/etc/ssl/private/*",
        "/etc/bind/rndc.key",
        "/var/lib/**/.erlang.cookie",
        "/var/lib/systemd/random-seed",
        "/var/lib/dbus/machine-id",
    )
)


def no_setuid(tree: Tree, context: HardenContext) -> Outcome:
    """Strip setuid and setgid bits and file capabilities."""
    rule = "no-setuid"
    edits: list[Edit] = []
    checks: list[Check] = []
    for entry in tree:
        if entry.kind in (Kind.SYMLINK, Kind.HARDLINK):
            continue
        bits = entry.mode & 0o6000
        capable = any(name == _CAPABILITY for name, _ in entry.xattrs)
        if not bits and not capable:
            continue
        had = f"mode {entry.mode:04o}" + (", file capabilities" if capable else "")
        loosening = context.loosening(rule, entry.path, *entry.owners)
        if loosening is not None:
            verdict = context.waived(loosening, Fail(had))
            checks.append(Check(rule=rule, subject=entry.path, verdict=verdict))
            continue
        xattrs = tuple(pair for pair in entry.xattrs if pair[0] != _CAPABILITY)
        edits.append(
            Change(
                path=entry.path,
                reason=by_rule(rule, f"had {had}"),
                mode=entry.mode & ~0o6000,
                xattrs=xattrs if capable else None,
            )
        )
        checks.append(Check(rule=rule, subject=entry.path, verdict=Pass(f"stripped: {had}")))
    held = passed(rule, "no setuid, setgid or file capability")
    return Outcome(edits=tuple(edits), checks=tuple(checks) or (held,))


def no_world_writable(tree: Tree, context: HardenContext) -> Outcome:
    """Strip write permission of others, and of groups that the run-as user is not in."""
    rule = "no-world-writable"
    places = tuple(tree.resolve(path) for path in context.run.writable)
    edits: list[Edit] = []
    checks: list[Check] = []
    for entry in tree:
        if entry.kind in (Kind.SYMLINK, Kind.HARDLINK) or not entry.mode & 0o022:
            continue
        if any(entry.path == place or entry.path.startswith(f"{place}/") for place in places):
            continue
        mode = _tightened(entry, context)
        if mode == entry.mode:
            continue
        had = f"mode {entry.mode:04o}, owner {entry.uid}:{entry.gid}"
        loosening = context.loosening(rule, entry.path, *entry.owners)
        if loosening is not None:
            verdict = context.waived(loosening, Fail(had))
            checks.append(Check(rule=rule, subject=entry.path, verdict=verdict))
            continue
        edits.append(Change(path=entry.path, reason=by_rule(rule, f"had {had}"), mode=mode))
        checks.append(Check(rule=rule, subject=entry.path, verdict=Pass(f"stripped: {had}")))
    held = passed(rule, "nothing is writable that need not be")
    return Outcome(edits=tuple(edits), checks=tuple(checks) or (held,))


def _tightened(entry: FileEntry, context: HardenContext) -> int:
    mode = entry.mode
    sticky = entry.kind is Kind.DIRECTORY and mode & 0o1000 and entry.path in _STICKY_PLACES
    if sticky:
        return mode
    mode &= ~0o002
    # Under an arbitrary uid, group 0 stands for the run-as user: what is that user's, as its home.
    own = context.run.arbitrary_uid and entry.uid == context.uid != 0
    if entry.gid not in context.gids or (entry.gid == 0 and not own):
        mode &= ~0o020
    return mode


def writable_paths(tree: Tree, context: HardenContext) -> Outcome:
    """Give the recipe's writable paths, and all below them, to the run-as user."""
    rule = "writable-paths"
    uid, gid = context.uid, context.gids[0] if context.gids else 0
    gid = 0 if context.run.arbitrary_uid else gid
    edits: list[Edit] = []
    checks: list[Check] = []
    for path in context.run.writable:
        place = tree.resolve(path)
        root = tree.get(place)
        reason = by_rule(rule, f"run.writable: {path}")
        if root is None:
            mode = 0o775 if context.run.arbitrary_uid else 0o755
            edits.append(
                Put(
                    FileEntry(
                        path=place, kind=Kind.DIRECTORY, mode=mode, uid=uid, gid=gid, reason=reason
                    )
                )
            )
        elif place not in _STICKY_PLACES:
            for entry in (root, *tree.under(place)):
                if entry.kind in (Kind.SYMLINK, Kind.HARDLINK):
                    continue
                change = _owned(entry, uid, gid, context)
                if change != entry:
                    edits.append(
                        Change(
                            path=entry.path,
                            reason=reason,
                            uid=change.uid,
                            gid=change.gid,
                            mode=change.mode,
                        )
                    )
        checks.append(Check(rule=rule, subject=path, verdict=Pass(f"owned by {uid}:{gid}")))
    return Outcome(edits=tuple(edits), checks=tuple(checks))


def _owned(entry: FileEntry, uid: int, gid: int, context: HardenContext) -> FileEntry:
    mode = entry.mode | 0o200
    if context.run.arbitrary_uid:
        mode |= (mode & 0o700) >> 3
    return replace(entry, uid=uid, gid=gid, mode=mode & ~0o002)


def non_root(tree: Tree, context: HardenContext) -> Outcome:
    """The image must not run as root."""
    rule = "non-root"
    if context.uid != 0:
        return Outcome(checks=(passed(rule, f"runs as {context.uid}"),))
    failure = Fail("the image runs as uid 0")
    loosening = context.loosening(rule)
    if loosening is not None:
        verdict = context.waived(loosening, failure)
        return Outcome(checks=(Check(rule=rule, subject="image", verdict=verdict),))
    return Outcome(
        checks=(Check(rule=rule, subject="image", verdict=failure),),
        refusals=(
            Refusal(
                rule=rule,
                subject="run.user",
                brief="the recipe runs the image as root",
                chain=("run.user is root or 0",),
                paste=loosened_lines(rule),
            ),
        ),
    )


def no_secrets(tree: Tree, context: HardenContext) -> Outcome:
    """Take away secrets that scripts generate; refuse private keys that the recipe adds.

    What a package ships is public and therefore no secret.
    """
    rule = "no-secrets"
    edits: list[Edit] = []
    checks: list[Check] = []
    refusals: list[Refusal] = []
    for entry in tree:
        if entry.kind is not Kind.FILE or entry.reason.origin is Origin.PACKAGE:
            continue
        key = isinstance(entry.content, Inline) and _KEY_MARK in entry.content.data
        generated = entry.reason.origin is Origin.EFFECT
        named = generated and _GENERATED_SECRETS.match(entry.path)
        if isinstance(entry.content, Inline) and not entry.content.data:
            continue
        if not key and not named:
            continue
        evidence = "a private key" if key else "a secret made at installation"
        loosening = context.loosening(rule, entry.path)
        if loosening is not None:
            verdict = context.waived(loosening, Fail(evidence))
            checks.append(Check(rule=rule, subject=entry.path, verdict=verdict))
        elif generated:
            edits.append(Remove(entry.path, by_rule(rule, f"{evidence}; make it where it runs")))
            checks.append(Check(rule=rule, subject=entry.path, verdict=Pass("removed")))
        else:
            checks.append(Check(rule=rule, subject=entry.path, verdict=Fail(evidence)))
            refusals.append(
                Refusal(
                    rule=rule,
                    subject=entry.path,
                    brief=f"{entry.path} holds {evidence}",
                    chain=(f"{entry.path} ← {entry.reason}",),
                    paste=loosened_lines(rule, entry.path),
                )
            )
    held = passed(rule, "no generated secret, no private key")
    return Outcome(edits=tuple(edits), checks=tuple(checks) or (held,), refusals=tuple(refusals))
