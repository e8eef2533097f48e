"""Channels: the ways to reach a person, and a test of each."""

from fastapi import APIRouter, Depends

from api.deps import scoped, signed_in
from api.errors import problems
from api.schemas.deliveries import ChannelAnswer, TrialAnswer, TrialBody
from api.schemas.pages import Page
from notilog.notifications import trials
from notilog.notifications.channels import CHANNELS

router = APIRouter(prefix="/channels", tags=["deliveries"])


@router.get("", dependencies=[Depends(signed_in)])
async def list_channels() -> Page[ChannelAnswer]:
    """Every channel, whether it is configured, and the schema of its settings."""
    return Page(items=[ChannelAnswer.of(kind) for kind in CHANNELS], next=None)


@router.post("/{kind}/test", dependencies=[Depends(scoped("admin"))], responses=problems(404))
async def test_channel(kind: str, trial: TrialBody) -> TrialAnswer:
    """Send a test message now; the answer is a problem when it was not accepted."""
    return TrialAnswer(id=await trials.try_out(kind, trial.to, language="en"))
