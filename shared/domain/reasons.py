"""Why a record has its status: a stable code, a sentence for a bookkeeper, and what to do about it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shared.domain.values import Holder


@dataclass(frozen=True, slots=True)
class Reason:
    """`text` and `fix` may name {source}, {destination} and {field}."""

    text: str
    fix: str

    def who(self) -> str:
        """Who can do something about it."""
        if "Company Administrator" in self.fix:
            return "the Company Administrator"
        if "installation administrator" in self.fix:
            return "an installation administrator"
        return "nobody" if self.fix.startswith(("Wait", "Nothing")) or not self.fix else "an operator"


REASONS: dict[str, Reason] = {
    "checking": Reason("Muster is looking for this person in {destination}.", "Wait a moment."),
    "directory_being_read": Reason(
        "The directory of {destination} is being read.", "Wait until it has been read."
    ),
    "waiting": Reason(
        "The sync waits until this person has been looked for in {destination}.", "Wait a moment."
    ),
    "queued": Reason("The sync waits for its turn.", "Wait a moment."),
    "waiting_for": Reason(
        "Another person in {destination} still has a value of this one; the sync waits until theirs is done.",
        "Wait a moment.",
    ),
    "writing": Reason("The record is being written to {destination}.", "Wait a moment."),
    "not_pushed": Reason("{destination} does not have this record yet.", "Sync it."),
    "created_before": Reason(
        "Muster created this person in {destination} before; they were unlinked since.",
        "Link them again, or ask for a new record.",
    ),
    "changed": Reason("The record changed in {source} after it was last synced.", "Sync it."),
    "differs": Reason("{destination} holds other values than {source}.", "Sync it."),
    "never_pushed": Reason(
        "{destination} already holds the same values; they were never confirmed.", "Sync it."
    ),
    "similar_name": Reason(
        "Someone in {destination} has an equal or similar name.", "Say whether it is the same person."
    ),
    "contradiction": Reason(
        "Someone in {destination} matches in one field and differs in another.", "Choose who this is."
    ),
    "names_differ": Reason(
        "Someone in {destination} matches in most fields, but has a different name.",
        "Say whether it is the same person.",
    ),
    "birth_dates_differ": Reason(
        "Someone in {destination} matches in most fields, but has a different birth date.",
        "Correct the birth date, or say whether it is the same person.",
    ),
    "numbers_differ": Reason(
        "Someone in {destination} matches in most fields, but has a different employee number.",
        "Correct the number, or say whether it is the same person.",
    ),
    "generations_differ": Reason(
        "Someone in {destination} has this name with another suffix (Sr, Jr).",
        "Say whether it is the same person.",
    ),
    "same_household": Reason(
        "Someone in {destination} may be of the same family.", "Say whether it is the same person."
    ),
    "match_refused": Reason(
        "The person in {destination} who matches was unlinked from this record.",
        "Choose who this is, or ask for a new record.",
    ),
    "inactive_match": Reason(
        "Someone in {destination} who is not active matches, and someone active may be the same person.",
        "Choose who this is.",
    ),
    "several_sources": Reason(
        "Another record in {source} matches the same person in {destination}.", "Choose who this is."
    ),
    "several_matches": Reason("Several people in {destination} match.", "Choose who this is."),
    "number_not_unique": Reason(
        "Another record in {source} has the same employee number.", "Correct one number."
    ),
    "email_not_unique": Reason(
        "Another record in {source} has the same e-mail address.", "Correct one address."
    ),
    "confirm_match": Reason("One person in {destination} matches.", "Confirm that it is the same person."),
    "match_taken": Reason(
        "The matching person in {destination} is already linked to another record.", "Choose who this is."
    ),
    "link_taken": Reason(
        "The person in {destination} that was chosen has since been linked to another record.",
        "Choose who this is.",
    ),
    "link_gone": Reason(
        "The person in {destination} that was chosen no longer exists.", "Choose who this is."
    ),
    "excluded": Reason(
        "A person excluded this record: it is never synced.", "Include it again if it should be synced."
    ),
    "out_of_scope": Reason(
        "This person is outside the company's scope: they are never synced.",
        "Ask the Company Administrator to change the scope if they should be.",
    ),
    "creation_off": Reason(
        "Nobody in {destination} matches, and creating people is switched off.",
        "Link it, or ask the Company Administrator to switch creation on.",
    ),
    "active_at_destination": Reason(
        "This person is not active in {source} any more, but is still active in {destination}.",
        "Sync it to deactivate them in {destination}, or reactivate them in {source} if they still work for the company.",
    ),
    "inactive_at_destination": Reason(
        "This person is active in {source}, but not in {destination}.",
        "Sync it to make them active again in {destination}, or deactivate them in {source}.",
    ),
    "changed_at_destination": Reason(
        "{field} was changed in {destination} after it was last synced.",
        "Decide for each field: take the value of {destination} over into {source}, overwrite it there, or let both stand.",
    ),
    "changing_back_and_forth": Reason(
        "{field} went back and forth: something changes it again each time that it is synced automatically.",
        "Look for another tool, or another company here, that writes to the same accounts, and stop one of them. Then sync it.",
    ),
    "inactive_at_source": Reason(
        "This person is not active in {source}.",
        "Nothing to do: inactive people are not sent. Exclude them to take them off this list.",
    ),
    "deleted_at_source": Reason("This person is gone from {source}.", "Decide what to do in {destination}."),
    "deleted_at_destination": Reason(
        "The linked person is gone from {destination}.", "Link another person, or create a new one."
    ),
    "missing_name": Reason("The record has neither a first nor a last name.", "Add a name in {source}."),
    "invalid_name": Reason(
        "The name has a character that {destination} refuses (colon, tab or line break).",
        "Correct the name in {source}.",
    ),
    "text_too_long": Reason(
        "The value of {field} is longer than {destination} takes.", "Shorten it in {source}."
    ),
    "invalid_email": Reason("{destination} refuses the e-mail address.", "Correct the address in {source}."),
    "invalid_value": Reason("{destination} refuses the value of {field}.", "Correct it in {source}."),
    "unread_value": Reason(
        "The value of {field} in {source} is too long or cannot be read, and {destination} needs it.",
        "Correct it in {source}.",
    ),
    "missing_value": Reason("{destination} needs a value in {field}.", "Add it in {source}."),
    "not_taken": Reason(
        "{destination} saved the record, but not the value of {field}.",
        "Correct the value in {source} or in {destination}; it is sent again when it changes in either.",
    ),
    "duplicate_name": Reason(
        "Another customer, vendor or employee in {destination} has this name.",
        "Link that person, or change one of the names.",
    ),
    "duplicate_number": Reason(
        "Another person in {destination} has this employee number.",
        "Link that person, or correct the number.",
    ),
    "duplicate_email": Reason(
        "Another person in {destination} has this e-mail address.",
        "Link that person, or correct the address.",
    ),
    "unreadable": Reason(
        "The record came from {source} in a form that Muster cannot read.",
        "Look at its JSON and correct it in {source}.",
    ),
    "unsupported_field": Reason(
        "{destination} does not take {field}.", "Ask the Company Administrator to look at the mapping."
    ),
    "not_permitted": Reason(
        "The connected user may not write employees in {destination}.",
        "Ask the Company Administrator to reconnect with a user who may.",
    ),
    "not_available": Reason(
        "{destination} does not offer this to the company.",
        "Ask the Company Administrator to look at the subscription and its features.",
    ),
    "subscription_lapsed": Reason(
        "The subscription of {destination} has lapsed.", "Renew it, then sync again."
    ),
    "refused": Reason(
        "{destination} refused the record.",
        "See the answer in the JSON view and correct the record in {source}.",
    ),
    "unavailable": Reason("{destination} did not answer.", "Try again."),
    "rate_limited": Reason("{destination} asked Muster to wait.", "Try again in a minute."),
    "unauthorized": Reason(
        "The connection to {destination} has ended.",
        "Ask the Company Administrator to reconnect, then try again.",
    ),
    "stale": Reason("The record was changed in {destination} at the same moment.", "Try again."),
    "outcome_unknown": Reason(
        "{destination} did not say whether it took the record.", "Try again: nothing is written twice."
    ),
    "internal": Reason(
        "Muster could not handle this record.",
        "Try again; if it happens again, tell the Company Administrator.",
    ),
    "expired": Reason("The request came too late to be carried out.", "Start it again."),
    "conflict": Reason("{destination} changed the same field after the change was approved.", "Review it."),
    "moved": Reason("The record changed after its plan was made.", "Review it in a new plan."),
    "brake": Reason(
        "More would change at once than the company's safety limits allow.",
        "Review the plan, then release it.",
    ),
}
"""Every code that may stand in an event's `reason`."""


def held_by(holder: Holder) -> str:
    """Who has the value, as a sentence."""
    number = f" (no. {holder.number})" if holder.number else ""
    away = ", who is not active" if holder.active is False else ""
    if not holder.name:
        return f"It belongs to a {holder.kind} of this name{away}."
    return f"It belongs to the {holder.kind} {holder.name}{number}{away}."


def free_name(holder: Holder) -> str:
    """The name that nobody has, as a sentence; empty without one."""
    return f"Nobody has the name {holder.free}." if holder.free else ""


FIXES: dict[tuple[str, str], str] = {
    ("text_too_long", "email"): "Mail to a shortened address gets lost: enter another in {source}, or none.",
    ("text_too_long", "phone"): "Enter the number alone in {source}, without remarks.",
    ("text_too_long", "mobile"): "Enter the number alone in {source}, without remarks.",
    ("text_too_long", "number"): "Give this person a shorter number in {source}.",
    ("text_too_long", "address_postal_code"): "Correct it in {source}.",
}
"""What to do where the reason's own advice does not fit the field, by reason and field."""

NOTES: dict[str, str] = {
    "too_long": "The value of {field} in {source} is longer than Muster reads. It was left alone on both sides.",
    "unreadable": "The value of {field} in {source} cannot be read. It was left alone on both sides.",
    "left_out": "{destination} cannot hold the value of {field}; it was left out, and the rest was kept the same.",
    "in_lines": "The address in {source} has lines, but no city, state or ZIP code. {destination} gets the lines, and keeps its "
    "own city, state and ZIP code.",
    "rounded": "The value of {field} in {source} has more decimal places than it holds; it was rounded.",
}
"""What happened to one field's value, as a note on its record; a note stops nothing."""

NOT_ADOPTABLE: dict[str, str] = {
    "no_single_field": "{destination} gets this value from no single field of {source}.",
    "read_only": "Muster cannot write this field in {source}.",
    "does_not_fit": "{source} cannot hold the value of {destination}.",
}
"""Why the source cannot be given a value of the destination."""

SKIPPED: dict[str, str] = {
    "moved": "The record changed after it was selected.",
    "disconnected": "The destination is not connected.",
    "already_running": "A push of this record is already under way.",
    "needs_action": "A person must fix something first.",
    "synced": "The destination already has this version.",
    "held": "It waits for approval.",
    "excluded": "It is excluded from syncing.",
    "unknown": "There is no such record.",
    "taken_out": "It was taken out of the plan.",
    "cancelled": "The plan was cancelled before the record was sent.",
}
"""Why a selected record was not pushed."""

CONNECTIONS: dict[str, Reason] = {
    "connected": Reason("The connection works.", "Nothing to do."),
    "paused": Reason(
        "The connection is paused: {system} is not called, and what is to be read or written waits.",
        "Resume it when the work may go on.",
    ),
    "reconnect": Reason(
        "{system} does not accept this connection any more: access was withdrawn there, or has ended.",
        "A Company Administrator connects it again; links and history stay.",
    ),
    "wrong_company": Reason(
        "This access opens another company, or the other environment (sandbox or production), of {system}.",
        "Connect again, choose the right company, and check the environment.",
    ),
    "no_rights": Reason(
        "The person who made the connection is no longer an administrator of the company in {system}.",
        "Someone who is an administrator there connects it again.",
    ),
    "wrong_application": Reason(
        "{system} does not know Muster's client id and secret.",
        "An installation administrator compares them with the developer portal, then connect again.",
    ),
    "disconnected": Reason(
        "The connection was closed, and its tokens were deleted.", "Connect it again when it is needed."
    ),
}
"""How a connection is, as people see it; texts may name {system}. Only `connected` is used for calls."""
DIRECTORIES: dict[str, Reason] = {
    "directory_short": Reason(
        "{system} showed less than half of the people that it had before: {count} of {total} were not there. "
        "Nobody was marked as gone.",
        "Check in {system} that its people are there, and what the connected user may see; then import all again. "
        "If they have really left, confirm under Connections that {count} are gone.",
    ),
    "calls_running_out": Reason(
        "The calls that {system} allows this month will run out before its end, at the pace of the month so far.",
        "Import all less often, or agree on more calls with {system}. Muster already looks for changes less often by itself.",
    ),
}
"""What is wrong with a directory though its connection is well, for its account and its import.

Texts may name {system}, and {count} of {total} people.
"""


def connection_words(state: str, system: str) -> Reason:
    """What a connection's state is, and what to do about it, in words; `system` is its label."""
    return _named(CONNECTIONS.get(state, CONNECTIONS["reconnect"]), system)


def directory_words(warning: str, system: str, count: int, total: int) -> Reason:
    """What was wrong with the last complete read of a directory, in words; empty ones when nothing was."""
    return _named(DIRECTORIES.get(warning, Reason("", "")), system, count=f"{count:,}", total=f"{total:,}")


def _named(known: Reason, system: str, **counts: str) -> Reason:
    return Reason(known.text.format(system=system, **counts), known.fix.format(system=system, **counts))


_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "number": "employee number",
        "email": "e-mail address",
        "phone": "phone number",
        "mobile": "mobile number",
        "address_city": "city",
        "address_state": "state",
        "address_postal_code": "postal code",
        "address_country": "country",
    }
)
_DIGITS = re.compile(r"(?<=[a-z])(?=\d)")


def field_words(field: str) -> str:
    """`address_line1` → `address line 1`."""
    return _FIELDS.get(field) or _DIGITS.sub(" ", field.replace("_", " "))


def reason_words(reason: str, field: str | None, source: str, destination: str) -> tuple[str, str]:
    """Why, and what to do about it, as sentences; a code that is not known is shown in words.

    `source` and `destination` are how the two sides are called.
    """
    known = REASONS.get(reason)
    if known is None:
        return reason.replace("_", " ").capitalize(), ""
    named = field_words(field) if field else "a field"
    values = {"source": source, "destination": destination, "field": named}
    fix = FIXES.get((reason, field or ""), known.fix)
    return known.text.format_map(values), fix.format_map(values)
