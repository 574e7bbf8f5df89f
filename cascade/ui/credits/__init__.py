"""The page of credits: where they are, where they went, and giving them."""
