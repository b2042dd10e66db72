"""Alarms of the content inspection as entries of the audit trail: categories, never content."""

from cloud.audit_trail import AuditTrail
from cloud.inspection.alarm import ContentAlarm, LoggedAlarms

__all__ = ["AuditedAlarms"]


class AuditedAlarms:
    """Notes alarms in the audit trail, and in the log."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail
        self._log = LoggedAlarms()

    async def note(self, alarm: ContentAlarm) -> None:
        """Note one."""
        await self._log.note(alarm)
        self._trail.note(
            f"content_{alarm.action}",
            actor=f"{alarm.caller.kind}:{alarm.caller.id}",
            tenant=alarm.caller.tenant,
            subject=alarm.model,
            reason=",".join(sorted(alarm.found)) or "unchecked",
        )
