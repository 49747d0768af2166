"""``python -m radiofuse.run``: the command `radiofuse run`."""

from radiofuse.commands.run import app

if __name__ == "__main__":
    app()
