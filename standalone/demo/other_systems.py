"""Systems of the school that the demo plays: one hears of feedback by webhook, one is an LMS that opens our pages."""

from __future__ import annotations

from standalone.client import ask
from standalone.demo import launch
from standalone.demo.handing_in import HandedIn
from standalone.demo.run import PATIENCE_SECONDS, DemoFailed, DemoRun, escaped, require_status
from standalone.lti_course import LINK
from standalone.lti_platform import run_lti_platform
from standalone.webhook_receiver import WebhookReceiver


def add_endpoint(receiver: WebhookReceiver, run: DemoRun) -> str:
    """Let the admin name the address of a system that wants to hear of feedback; return its secret. Raises DemoFailed."""
    body = {"name": "The demo's own system", "url": receiver.url, "events": ["feedback.ready"]}
    made = ask("POST", f"{run.api}/v1/endpoints", body=body, headers=run.sign_in("admin"))
    return str(require_status(made, 201, "an endpoint").body["secret"])


def hear_of_feedback(receiver: WebhookReceiver, secret: str, handed_in: list[HandedIn], run: DemoRun) -> None:
    """Wait until the system has heard of each essay, and check the signatures. Raises DemoFailed."""
    waiting = {essay.location.rpartition("/")[2] for essay in handed_in}
    while waiting:
        try:
            event = receiver.take(secret=secret, within_seconds=PATIENCE_SECONDS)
        except ValueError as error:
            raise DemoFailed(f"webhooks to a system of the school: {error}") from None
        waiting.discard(event["data"]["submission_id"])
    run.narrator.line(
        f"a system of the school heard of all {len(handed_in)} by webhook (feedback.ready); signatures checked"
    )


def launch_from_lms(run: DemoRun) -> None:
    """Let an LMS register, approve it, and open its link as a student and as a teacher. Raises DemoFailed."""
    with run_lti_platform() as lms:
        launch.register(lms, run)
        run.narrator.line(f"{lms.url} registers with the address that the admin made, and the admin approves it")
        for subject, member in list(lms.members.items())[::2]:
            try:
                heading = launch.launch(lms, subject)
            except (OSError, ValueError) as error:
                raise DemoFailed(f"the launch of {member.name}: {error}") from None
            run.narrator.line(
                f"{member.name} ({member.role}) opens “{LINK['title']}” there and arrives at: {escaped(heading)}"
            )
