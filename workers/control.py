"""What the Celery CLI and Flower may ask of a running worker beyond what Celery answers itself.

``control revoke`` of Celery keeps a task from starting. For tasks that `ends_on_revoke`, ours ends
one that runs as well, as ``control terminate`` does.
"""

from typing import Any

from celery.utils.functional import maybe_list
from celery.worker import control
from celery.worker import state as worker_state


def revoke(
    state: Any,
    task_id: str | list[str],
    terminate: bool = False,  # noqa: FBT001, FBT002  the message's own arguments
    signal: str | None = None,
    **rest: Any,
) -> Any:
    """Revoke task by task id (or list of ids)."""
    answer = control.revoke(state, task_id, terminate=terminate, signal=signal, **rest)
    if not terminate:
        for request in _ending_on_revoke(maybe_list(task_id)):
            request.terminate(state.consumer.pool, signal=signal)
    return answer


def _ending_on_revoke(ids: list[str]) -> list[Any]:
    found = [worker_state.requests[task_id] for task_id in ids if task_id in worker_state.requests]
    return [
        request
        for request in found
        if request in worker_state.active_requests
        and getattr(request.task, "ends_on_revoke", False)
    ]


control.control_command(name="revoke", variadic="task_id", signature="[id1 [id2 [... [idN]]]]")(
    revoke
)
