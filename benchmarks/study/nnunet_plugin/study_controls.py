"""Module in which nnU-Net's class finder meets the study's own trainers, which live in `benchmarks.study.controls`."""


def __getattr__(name: str):
    if name.startswith("nnUNetTrainerStudy"):
        from benchmarks.study import controls

        return getattr(controls, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
