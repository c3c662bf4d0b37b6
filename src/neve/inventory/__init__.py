"""What an image holds: the one walk over a tree that surface and other judgements start from."""

from neve.inventory.types import (
    Account,
    AccountGroup,
    ContentReader,
    Inventory,
    InventoryFile,
    Program,
    Role,
    Service,
    Unjudged,
)

__all__ = [
    "Account",
    "AccountGroup",
    "ContentReader",
    "Inventory",
    "InventoryFile",
    "Program",
    "Role",
    "Service",
    "Unjudged",
]
