"""What a manuscript needs of a run: methods with references, tables, figures and a replay in R."""
