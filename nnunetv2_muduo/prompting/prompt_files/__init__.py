"""Readers of prompt files, a module for each format. Each turns its own coordinates into mm in LPS; nothing else does."""
