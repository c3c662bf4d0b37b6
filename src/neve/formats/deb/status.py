"""dpkg's database of installed packages: writing ``status.d``, reading it and ``status``.

Scanners find the packages of an image here. A paragraph per package as dpkg writes it into
``/var/lib/dpkg/status``, in a file each, as distroless images have had it since 2018 (Bazel's
``dpkg_status``; syft, trivy and grype read both). Source: deb-control(5), dpkg(1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from neve.errors import HostileInputError
from neve.formats.deb.control import Paragraph, field, paragraphs, render_paragraph
from neve.formats.deb.index import source_of
from neve.formats.deb.types import PackageFacts

STATUS = "/var/lib/dpkg/status"
STATUS_DIRECTORY = "/var/lib/dpkg/status.d"

_FIELDS = (
    "Essential",
    "Priority",
    "Section",
    "Installed-Size",
    "Maintainer",
    "Architecture",
    "Multi-Arch",
    "Source",
    "Version",
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Breaks",
    "Conflicts",
    "Enhances",
    "Description",
    "Homepage",
    "Built-Using",
    "Static-Built-Using",
)
_SUFFIX = ".md5sums"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPackage:
    """One installed package as its database has it; ``source`` is its source package."""

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    control: Paragraph


def status_paragraph(facts: PackageFacts) -> bytes:
    """The paragraph for ``/var/lib/dpkg/status.d/NAME``, in dpkg's order of fields.

    Besides dpkg's own fields none are kept; ``Status`` says that the package is installed.
    """
    kept: list[tuple[str, str]] = [
        ("Package", field(facts.control, "Package") or ""),
        ("Status", "install ok installed"),
    ]
    for name in _FIELDS:
        value = field(facts.control, name)
        if value:
            kept.append((name, value))
    return render_paragraph(tuple(kept)).encode("utf-8")


def status_files(facts: PackageFacts) -> tuple[tuple[str, bytes], ...]:
    """Absolute path → bytes of all that ``status.d`` holds of one package, its md5sums included.

    A package of a second architecture (``Multi-Arch: same``) shares the name of the first; the
    caller decides which of them is written.
    """
    path = f"{STATUS_DIRECTORY}/{field(facts.control, 'Package')}"
    files = [(path, status_paragraph(facts))]
    if facts.md5sums is not None:
        files.append((path + _SUFFIX, facts.md5sums))
    return tuple(files)


def read_status(data: bytes, *, path: str) -> Iterator[InstalledPackage]:
    """The installed packages of ``status`` or of one file of ``status.d``.

    A paragraph whose Status says that the package is not installed (removed, only its
    configuration left) is passed over; one without a Status counts. ``path`` names the file in
    errors. Raises ``HostileInputError`` for a paragraph without name or version.
    """
    for paragraph in paragraphs(data, subject=path):
        words = (field(paragraph, "Status") or "install ok installed").split()
        if words[-1:] != ["installed"]:
            continue
        name, version = field(paragraph, "Package"), field(paragraph, "Version")
        if not name or not version:
            raise HostileInputError(
                f"{path}: a paragraph of an installed package names no package or no version",
                resolution="Rebuild the image's dpkg database, or take the image from its maker.",
            )
        source, source_version = source_of(name, version, field(paragraph, "Source") or "")
        yield InstalledPackage(
            name=name,
            version=version,
            architecture=field(paragraph, "Architecture") or "",
            source=source,
            source_version=source_version,
            control=paragraph,
        )


def read_installed(files: Iterable[tuple[str, bytes]]) -> tuple[InstalledPackage, ...]:
    """The installed packages of an image, sorted by name and architecture, each once.

    ``files`` are (absolute path, bytes) of ``/var/lib/dpkg/status`` and of what lies in
    ``status.d``; md5sums and everything else among them are passed over.
    """
    found: dict[tuple[str, str, str], InstalledPackage] = {}
    for path, data in files:
        in_directory = path.startswith(STATUS_DIRECTORY + "/") and not path.endswith(_SUFFIX)
        if path == STATUS or in_directory:
            for package in read_status(data, path=path):
                key = (package.name, package.architecture, package.version)
                found.setdefault(key, package)
    return tuple(found[key] for key in sorted(found))
