"""`python -m sandbox scaffold SERVICE ACTION`: a new service or action of the emulator, with its test."""
