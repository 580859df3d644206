"""Fine-tuning a 2D SAM on a fold's labeled cases, the second part of CFR (arXiv 2403.11229)."""
