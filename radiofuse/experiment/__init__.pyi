"""The names of the room; `lazy_names` reads them here too."""

from .models.building import build_model as build_model
from .recipe.recipe import Recipe as Recipe
from .recipe.recipe import read_recipe as read_recipe
from .run import run_recipe as run_recipe
