"""References: one family of distributions a file."""
