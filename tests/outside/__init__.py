"""The world outside NotiLog, speaking its real protocols over sockets."""
