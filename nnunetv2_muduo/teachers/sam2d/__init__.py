"""A 2D SAM that segments the slices of a volume laid out as one picture (CFR, arXiv 2403.11229)."""
