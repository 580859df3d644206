"""Two dozen things that nnU-Net's users do every day, as the commands that they type, on a tiny synthetic cohort."""
