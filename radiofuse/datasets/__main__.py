"""``python -m radiofuse.datasets``: the command `radiofuse datasets`."""

from radiofuse.commands.datasets import app

if __name__ == "__main__":
    app()
