"""The REST API: thin endpoints over the verbs of `notilog`."""
