"""``python -m neve``: the same command where its script is not on the path."""

from neve.cli.main import main

if __name__ == "__main__":
    main()
