"""A process that writes batches, and prints the name of each once it is written.

Arguments: the folder, a name, how many batches, records of a batch, the longest file in bytes, and
how long this process may make any file before the kernel ends it (0: as long as it likes).
"""

import resource
import signal
import sys
from pathlib import Path

from notilog import clock
from notilog.logs.files.writing import Writer
from tests.integration.log_files.lines import record, settings


def main(folder: str, name: str, *numbers: str) -> None:
    batches, records, switch_bytes, limit = map(int, numbers)
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    made = Writer(settings(Path(folder), switch_bytes=switch_bytes))
    for number in range(batches):
        batch = f"{name}-{number}"
        lines = [record(f"{batch}:{line}:{'x' * 100}") for line in range(records)]
        made.write(lines, now=clock.now())
        print(batch, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
