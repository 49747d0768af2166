"""The models of a recipe: from its list to estimators with names, options and words."""
