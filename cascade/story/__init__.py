"""The domain: structures, tension curves, plans. Pure values, standard library only."""
