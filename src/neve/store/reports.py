"""What verifying and collecting found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReport:
    """`Store.verify`'s findings. ``damaged`` names what was removed because its bytes were wrong;
    ``leftovers`` what dead processes left behind (temporary files, leases, locks); ``foreign``
    are files the store did not make, left alone. Sizes in bytes.
    """

    blobs: int
    actions: int
    size: int
    damaged: tuple[str, ...]
    leftovers: tuple[str, ...]
    foreign: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether everything that carried a name held what the name says."""
        return not self.damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class GcReport:
    """`Store.gc`'s result: entries and bytes removed and kept; ``in_use`` were old enough to go
    but kept for a running process or by request.
    """

    removed: int
    removed_size: int
    kept: int
    kept_size: int
    in_use: int
