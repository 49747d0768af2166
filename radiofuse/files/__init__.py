"""Files and folders that appear whole or not at all; where they may be written, where a path leads."""
