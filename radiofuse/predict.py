"""``python -m radiofuse.predict``: the command `radiofuse predict`."""

from radiofuse.commands.predict import app

if __name__ == "__main__":
    app()
