"""Running NotiLog: the ``notilog`` command and the embedded servers."""
