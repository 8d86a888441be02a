"""Where the frozen program begins: what `python -m tlstudio` is elsewhere."""

import multiprocessing

# A library that starts a process of its own starts this program again; that copy goes no further than this line.
multiprocessing.freeze_support()

from tlstudio.__main__ import main  # noqa: E402

main()
