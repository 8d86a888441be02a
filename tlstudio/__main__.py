"""`tlstudio` without arguments or with a path opens the window; with a verb it is the command line."""

import sys

from tlstudio.cli import main as command_line


def main() -> None:
    sys.exit(command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
