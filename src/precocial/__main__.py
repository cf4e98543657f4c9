"""`python -m precocial` is the `precocial` command."""

from __future__ import annotations

import sys

from precocial.cli import main

sys.exit(main())
