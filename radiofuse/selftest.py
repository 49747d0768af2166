"""``python -m radiofuse.selftest``: the command `radiofuse selftest`."""

from radiofuse.commands.selftest import app

if __name__ == "__main__":
    app()
