"""Results for others: exchange formats. A frame comes in, a file in somebody else's format goes out."""
