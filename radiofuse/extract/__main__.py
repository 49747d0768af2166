"""``python -m radiofuse.extract``: the command `radiofuse extract`."""

from radiofuse.commands.extract import app

if __name__ == "__main__":
    app()
