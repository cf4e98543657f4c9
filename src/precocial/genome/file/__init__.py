"""The `.genome` file: numbers in a few bits, and a document on how to read them."""
