"""Pictures with captions, from files to batches."""

from calotype.data.cache import CachedSource, encoded_table, table
from calotype.data.folder import FolderSource
from calotype.data.loader import batches
from calotype.data.source import Source

__all__ = ["CachedSource", "FolderSource", "Source", "batches", "encoded_table", "table"]
