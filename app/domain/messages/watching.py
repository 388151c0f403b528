"""What a check of a hospital's health asks about messages."""

from app.tenancy.health.facts import declare_fact

declare_fact(
    "reminder_age",
    "SELECT extract(epoch FROM now() - min(due_at))::int FROM appointment_reminders"
    " WHERE state = 'pending' AND due_at < now()",
)
