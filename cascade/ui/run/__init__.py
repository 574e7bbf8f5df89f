"""A run on the page: its progress, its receipt, and the way back."""
