"""What else the same number of bytes buys."""
