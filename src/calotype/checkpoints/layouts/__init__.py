"""Layouts: the names of our tensors in other programs' files."""
