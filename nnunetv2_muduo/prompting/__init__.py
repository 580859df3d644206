"""The click tool: prompts of a user in, masks and their figures out."""
