"""What an image must do, and how it is checked."""

from neve.contract.rootfs import materialise
from neve.contract.subject import Subject, writable_paths
from neve.contract.types import Contract

__all__ = ["Contract", "Subject", "materialise", "writable_paths"]
