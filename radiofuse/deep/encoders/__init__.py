"""Networks that turn a crop into numbers: by name, and what they compute."""
