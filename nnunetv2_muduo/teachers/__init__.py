"""Frozen promptable teachers: architecture, weights, and how they see nnU-Net's patches."""


def __getattr__(name: str):
    """Import torch only with `load_teacher`, so that the registry can be read without it."""
    if name == "load_teacher":
        from nnunetv2_muduo.teachers.weights import load_teacher

        return load_teacher
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
