"""How encoders are trained: options, the loop, and which ones an evaluation will need."""
