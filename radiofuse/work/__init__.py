"""Long work: child processes that may die, finished parts that are kept, versions of what computes."""
