"""The phantom: a small calibrated world, generators trained on it, and the truth about both."""
