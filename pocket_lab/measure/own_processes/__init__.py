"""The processes that a target starts itself, which nothing here follows."""
