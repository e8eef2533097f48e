"""The program that follows files, the journal and the machine itself, and tells a NotiLog."""
