"""What runs on other machines: the standard library alone, and nothing else of NotiLog."""
