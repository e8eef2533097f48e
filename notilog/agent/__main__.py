"""`python -m notilog.agent`: the agent, where nothing else of NotiLog is installed."""

import sys

from notilog.agent.program.command import main

if __name__ == "__main__":
    sys.exit(main())
