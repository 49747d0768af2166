"""The page of a bundle's evaluation on other patients."""
