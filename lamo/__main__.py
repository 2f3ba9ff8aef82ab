"""`python -m lamo` does what the command `lamo` does."""

import sys

from lamo.cli import main

sys.exit(main())
