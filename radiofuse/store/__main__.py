"""``python -m radiofuse.store``: the command `radiofuse store`."""

from radiofuse.commands.store import app

if __name__ == "__main__":
    app()
