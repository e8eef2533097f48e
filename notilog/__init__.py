"""The core of NotiLog: what it knows and decides, apart from queues and HTTP."""

__version__ = "0.1.0"
