"""The use cases, by area, and who may do them."""
