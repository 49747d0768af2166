"""One file per command, and the terminal: progress bars, words, exit codes."""
