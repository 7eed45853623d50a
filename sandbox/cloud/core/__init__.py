"""What every emulated service shares: wire protocols, signatures, accounts, storage, errors, dispatch, call log."""
