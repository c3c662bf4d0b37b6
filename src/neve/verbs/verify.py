"""``neve verify``: an image against its own record, and against a build from its lock anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from neve.attest.record import MEDIA_TYPE, BuildRecord, RecordedPath, read_record
from neve.build.image import CYCLONEDX_TYPE, SPDX_TYPE
from neve.build.made import MadeImage
from neve.errors import ExitCode
from neve.model import Check, Digest, Fail, Pass, Platform, Skipped, Verdict, sha256_of
from neve.oci.codec import Compression
from neve.oci.config import LABEL_CYCLONEDX, LABEL_LOCK, LABEL_RECORD, LABEL_SPDX
from neve.oci.read_tree import read_tree
from neve.oci.source import ImageSource
from neve.recipe.lock import Lock
from neve.recipe.lockfile import dump_lock
from neve.tree import FileEntry, Inline, Kind, Tree
from neve.verbs.context import Workspace
from neve.verbs.images import Opened, OpenedImage, OpenedRootFs, open_source
from neve.verbs.records import no_record, opened_record

_SHOWN = 5
_NAMED = (
    ("record-digest", LABEL_RECORD, MEDIA_TYPE),
    ("sbom-digest", LABEL_SPDX, SPDX_TYPE),
    ("sbom-digest", LABEL_CYCLONEDX, CYCLONEDX_TYPE),
)
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """Which image, as `open_source` takes it; ``rebuild`` builds its lock again and compares
    bytes. ``platform`` ``None`` is this machine's, where the image has several.
    """

    image: str
    rebuild: bool = False
    platform: Platform | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """One check a claim, for one platform's image. A failed one names the first path that
    differs.
    """

    image: str
    platform: Platform
    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> ExitCode:
        """Findings where a claim does not hold."""
        failed = any(isinstance(check.verdict, Fail) for check in self.checks)
        return ExitCode.FINDINGS if failed else ExitCode.OK


def verify_image(request: VerifyRequest, workspace: Workspace) -> VerifyResult:
    """Check every digest, the record against the tree, and with ``rebuild`` every byte.

    Raises ``TrustError`` for a blob that is not what its name says and ``ToolError`` for an image
    without a record.
    """
    with open_source(request.image, workspace, platform=request.platform) as opened:
        return _verified(opened, request, workspace)


def _verified(opened: Opened, request: VerifyRequest, workspace: Workspace) -> VerifyResult:
    found = opened_record(opened)
    if isinstance(opened, OpenedRootFs):
        raise no_record(request.image)
    source = opened.source
    workspace.progress.stage("reading the image")
    tree = read_tree(source, workspace.store)
    labels = _labels(source)
    checks = [
        Check(
            rule="digests",
            subject=request.image,
            verdict=Pass(f"{len(source.layers)} layers and the configuration hold what they name"),
        ),
        *_named_documents(opened, labels),
        _named_lock(found.lock, labels),
        Check(rule="record", subject="every path", verdict=_compare_record(found.record, tree)),
        *_unrecorded(found.record),
    ]
    if request.rebuild:
        checks.append(_rebuild(found.record, found.lock, source, tree, workspace))
    return VerifyResult(image=request.image, platform=found.record.platform, checks=tuple(checks))


def _labels(source: ImageSource) -> Mapping[str, str]:
    settings = json.loads(source.configuration).get("config")
    labels = settings.get("Labels") if isinstance(settings, dict) else None
    if not isinstance(labels, dict):
        return {}
    return {str(name): str(value) for name, value in labels.items()}


def _named_documents(opened: OpenedImage, labels: Mapping[str, str]) -> Iterator[Check]:
    """The record and the SBOMs that the image carries, against the configuration's labels."""
    for rule, label, artifact_type in _NAMED:
        data = opened.attached(artifact_type)
        own = "nothing" if data is None else str(sha256_of(data))
        named = labels.get(label, "nothing")
        verdict: Verdict = Pass(own)
        if own != named:
            verdict = Fail(f"the configuration names {named}, the image carries {own}")
        yield Check(rule=rule, subject=label, verdict=verdict)


def _named_lock(lock: Lock, labels: Mapping[str, str]) -> Check:
    own, named = str(sha256_of(dump_lock(lock))), labels.get(LABEL_LOCK, "nothing")
    verdict: Verdict = Pass(own)
    if own != named:
        verdict = Fail(f"the configuration names {named}, the record's lock is {own}")
    return Check(rule="lock-digest", subject=LABEL_LOCK, verdict=verdict)


def _unrecorded(record: BuildRecord) -> Iterator[Check]:
    """What a record of an older neve says nothing about."""
    if any(path.xattrs is None for path in record.paths.values()):
        why = "this image's record is of a neve that did not note them: --rebuild compares them"
        yield Check(rule="extended-attributes", subject="every path", verdict=Skipped(why))


def _compare_record(record: BuildRecord, tree: Tree) -> Verdict:
    differing: list[str] = []
    present: set[str] = set()
    for entry in tree:
        present.add(entry.path)
        claim = record.paths.get(entry.path)
        if claim is None:
            if entry.path != "/":
                differing.append(f"{entry.path}: not in the record")
        elif (difference := _difference(claim, tree, entry)) is not None:
            differing.append(f"{entry.path}: {difference}")
    differing += [
        f"{path}: not in the image" for path in record.paths if path not in present | {"/"}
    ]
    if differing:
        return Fail("; ".join(sorted(differing)[:_SHOWN]))
    return Pass(f"{len(present)} paths are as recorded")


def _difference(claim: RecordedPath, tree: Tree, entry: FileEntry) -> str | None:
    held = tree.content_entry(entry)
    kinds = {claim.kind, entry.kind}
    if len(kinds) > 1 and not kinds <= {Kind.FILE, Kind.HARDLINK}:
        return f"{entry.kind.value} instead of {claim.kind.value}"
    if (entry.mode, entry.uid, entry.gid) != (claim.mode, claim.uid, claim.gid):
        return f"{entry.mode:04o} {entry.uid}:{entry.gid}, recorded otherwise"
    if claim.xattrs is not None and held.xattrs != claim.xattrs:
        return _changed_xattrs(dict(claim.xattrs), dict(held.xattrs))
    if claim.digest is not None and held.content is not None:
        return None if held.content.digest == claim.digest else "other content"
    if entry.kind is Kind.SYMLINK and entry.target != claim.target:
        return f"leads to {entry.target}, recorded {claim.target}"
    return None


def _changed_xattrs(recorded: Mapping[str, bytes], found: Mapping[str, bytes]) -> str:
    changed = sorted(name for name in {*recorded, *found} if recorded.get(name) != found.get(name))
    missing = [name for name in changed if name not in found]
    what = "lacks" if missing == changed else "has, not as recorded,"
    return f"{what} the extended attribute {', '.join(changed)}"


def _rebuild(
    record: BuildRecord, lock: Lock, source: ImageSource, tree: Tree, workspace: Workspace
) -> Check:
    from neve.verbs.building import BuildPlan, build_images

    plan = BuildPlan(
        lock=lock,
        data=dump_lock(lock),
        platforms=(record.platform,),
        variant=record.variant,
        compression=_compression(source),
        contents=lambda: _contents(lock, tree, workspace),
        assemblies={},
        fresh=True,
    )
    (made,) = build_images(plan, workspace)
    own = [layer.diff_id for layer in source.layers]
    again = [layer.diff_id for layer in made.image.layers]
    if made.image.config_data == source.configuration and own == again:
        verdict: Verdict = Pass(f"the same bytes again: {made.image.manifest.digest}")
    else:
        verdict = Fail(_first_difference(made, tree))
    return Check(rule="rebuild", subject=record.image, verdict=verdict)


def _compression(source: ImageSource) -> Compression:
    """How the image's layers are compressed, by their first bytes."""
    for layer in source.layers:
        with source.open_layer(layer) as file:
            return Compression.ZSTD if file.read(4) == _ZSTD_MAGIC else Compression.GZIP
    return Compression.GZIP


def _contents(lock: Lock, tree: Tree, workspace: Workspace) -> Mapping[Digest, bytes]:
    """The recipe's own files, found in the image by the digests that the lock names."""
    from neve.verbs.locking import bytes_reader

    read = bytes_reader(workspace)
    wanted = {file.digest for file in lock.recipe.files if file.digest is not None}
    found: dict[Digest, bytes] = {}
    for entry in tree:
        if entry.content is not None and entry.content.digest in wanted:
            found[entry.content.digest] = read(entry)
    for file in lock.recipe.files:
        if file.content is not None:
            data = Inline(file.content.encode())
            found[data.digest] = data.data
    return found


def _first_difference(made: MadeImage, tree: Tree) -> str:
    data = next(a.data for a in made.artifacts if a.artifact_type == MEDIA_TYPE)
    verdict = _compare_record(read_record(data), tree)
    if isinstance(verdict, Fail):
        return f"first differing path: {verdict.evidence}"
    return "the files are the same, the configuration or the layers' metadata differ"
