"""What measurements mean: frames in, findings out, pure functions, each with its source and what it assumes."""
