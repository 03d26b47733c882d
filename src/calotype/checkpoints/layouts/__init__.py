"""Layouts: how other programs' files name what ours hold."""
