"""The local store: content by digest, action cache, state and locks."""

from neve.store.reports import GcReport, StoreReport
from neve.store.store import Store, default_directory
from neve.store.writer import BlobWriter

__all__ = ["BlobWriter", "GcReport", "Store", "StoreReport", "default_directory"]
