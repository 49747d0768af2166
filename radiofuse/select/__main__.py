"""``python -m radiofuse.select``: the command `radiofuse select`."""

from radiofuse.commands.select import app

if __name__ == "__main__":
    app()
