"""``python -m radiofuse.report``: the command `radiofuse report`."""

from radiofuse.commands.report import app

if __name__ == "__main__":
    app()
