"""What a recipe may say: its text to a frozen description, table by table."""
