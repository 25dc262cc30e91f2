"""The recipe of a run: data, method, training, evaluation. Only this folder knows the tables of all others."""

from skeletonmae.recipe.reading import read_recipe, recipe_from
from skeletonmae.recipe.schema import AnyMasking, AnyMethod, AnyProtocol, Recipe
from skeletonmae.recipe.source import DataConfig, Source

__all__ = [
    "AnyMasking",
    "AnyMethod",
    "AnyProtocol",
    "DataConfig",
    "Recipe",
    "Source",
    "read_recipe",
    "recipe_from",
]
