"""Products as others keep them, each unlike the others, and what Cascade does and leaves there."""
