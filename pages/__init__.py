"""The pages: thin views, one a file."""
