"""``python -m s2v_nb`` is ``s2v-nb``."""

import sys

from s2v_nb.cli import main

sys.exit(main())
