"""nnU-Net's own numbers of epochs and iterations, for what trains as nnU-Net does unless it is told otherwise."""

NNUNET_SCHEDULE = {"num_epochs": 1000, "num_iterations_per_epoch": 250, "num_val_iterations_per_epoch": 50}
"""What nnU-Net's own trainer sets: a trainer that has these numbers has none of its own."""
