"""``python -m audit`` is ``imgaudit``."""

from audit.cli import main

if __name__ == "__main__":
    main()
