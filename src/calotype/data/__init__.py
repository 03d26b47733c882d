"""Pictures with captions, from files to batches."""

from calotype.data.cache import CachedSource, encoded_table, table
from calotype.data.folder import FolderData, FolderSource
from calotype.data.loader import batches

__all__ = ["CachedSource", "FolderData", "FolderSource", "batches", "encoded_table", "table"]
