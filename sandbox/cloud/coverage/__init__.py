"""Which of the calls that the Terraform provider can make does the emulator answer: a generated table."""
