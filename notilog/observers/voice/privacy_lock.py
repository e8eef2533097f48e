"""The lock between recording and forgetting: who erases waits for what is being written.

What was recorded of somebody is not visible until it is committed; without the lock it could appear
after they were erased.
"""

from typing import Final

LOCK: Final = 0x766F696365
"""An advisory lock: shared by transactions that record, exclusive for those that erase."""
