"""Log records: taking them in, storing them, finding them."""
