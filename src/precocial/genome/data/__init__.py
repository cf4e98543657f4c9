"""Examples, and where they come from: packages, files, arrays, and names on a command line."""
