"""Let a wheel carry the recipes: in a clone they lie in ``pipelines/``, beside the package."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithRecipes(build_py):
    """Put the recipes into the built package; an editable install reads them where they are."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.build_lib, "radiofuse", "pipelines")
        self.mkpath(str(folder))
        for recipe in sorted(Path("pipelines").glob("*.toml")):
            self.copy_file(str(recipe), str(folder / recipe.name))


setup(cmdclass={"build_py": BuildWithRecipes})
