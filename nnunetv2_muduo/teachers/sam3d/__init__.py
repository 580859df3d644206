"""Architecture of SAM-Med3D and SegAnyPET, written afresh with the public checkpoints' parameter names."""
