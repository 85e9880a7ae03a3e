"""Why a record has its status: a stable code, a sentence for a bookkeeper, and what to do about it."""

from dataclasses import dataclass

from shared.contracts.records import System


@dataclass(frozen=True, slots=True)
class Reason:
    """`text` and `fix` may name {source}, {destination} and {field}."""

    text: str
    fix: str


REASONS: dict[str, Reason] = {
    "checking": Reason("Muster is looking for this person in {destination}.", "Wait a moment."),
    "directory_being_read": Reason(
        "The directory of {destination} is being read.", "Wait until it has been read."
    ),
    "waiting": Reason(
        "The push waits until this person has been looked for in {destination}.", "Wait a moment."
    ),
    "queued": Reason("The push waits for its turn.", "Wait a moment."),
    "writing": Reason("The record is being written to {destination}.", "Wait a moment."),
    "not_pushed": Reason("{destination} does not have this record yet.", "Push it."),
    "created_before": Reason(
        "Muster created this person in {destination} before; they were unlinked since.",
        "Link them again, or ask for a new record.",
    ),
    "changed": Reason("The record changed in {source} after it was last pushed.", "Push it."),
    "differs": Reason("{destination} holds other values than {source}.", "Push it."),
    "never_pushed": Reason(
        "{destination} already holds the same values; they were never confirmed.", "Push it."
    ),
    "similar_name": Reason(
        "Someone in {destination} has an equal or similar name.", "Say whether it is the same person."
    ),
    "contradiction": Reason(
        "Someone in {destination} matches in one field and differs in another.", "Say who this is."
    ),
    "several_matches": Reason("Several people in {destination} match.", "Say who this is."),
    "number_not_unique": Reason(
        "Another record in {source} has the same employee number.", "Correct one number."
    ),
    "email_not_unique": Reason(
        "Another record in {source} has the same e-mail address.", "Correct one address."
    ),
    "confirm_match": Reason("One person in {destination} matches.", "Confirm that it is the same person."),
    "match_taken": Reason(
        "The matching person in {destination} is already linked to another record.", "Say who this is."
    ),
    "creation_off": Reason(
        "Nobody in {destination} matches, and creating people is switched off.",
        "Link it, or ask the Company Administrator to switch creation on.",
    ),
    "inactive_at_source": Reason(
        "This person is not active in {source}.", "Nothing is sent for people who are not active."
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
    "missing_value": Reason("{destination} needs a value in {field}.", "Add it in {source}."),
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
        "The connected user may not write employees in {destination}.", "Ask the Company Administrator."
    ),
    "not_available": Reason(
        "{destination} does not offer this to the company.",
        "Ask the Company Administrator to look at the subscription and its features.",
    ),
    "subscription_lapsed": Reason(
        "The subscription of {destination} has lapsed.", "Renew it, then push again."
    ),
    "refused": Reason(
        "{destination} refused the record.",
        "See the answer in the JSON view and correct the record in {source}.",
    ),
    "unavailable": Reason("{destination} did not answer.", "Try again."),
    "rate_limited": Reason("{destination} asks to wait.", "Try again in a minute."),
    "unauthorized": Reason(
        "The connection to {destination} has ended.",
        "Ask the Company Administrator to reconnect, then try again.",
    ),
    "stale": Reason("The record was changed in {destination} at the same moment.", "Try again."),
    "outcome_unknown": Reason(
        "{destination} did not say whether it took the record.", "Try again: nothing is written twice."
    ),
    "internal": Reason(
        "Muster could not handle this record.", "Try again; if it stays, tell the Company Administrator."
    ),
    "expired": Reason("The request came too late to be carried out.", "Ask again."),
    "cancelled": Reason("The connection was closed before the push was sent.", "Reconnect, then push again."),
    "conflict": Reason("{destination} changed the same field after the change was approved.", "Review it."),
}
"""Every code that may stand in an event's `reason`."""

SKIPPED: dict[str, str] = {
    "moved": "The record changed after it was selected.",
    "disconnected": "The destination is not connected.",
    "already_running": "A push of this record is already under way.",
    "needs_action": "A person must fix something first.",
    "synced": "The destination already has this version.",
    "held": "It waits for approval.",
    "unknown": "There is no such record.",
}
"""Why a selected record was not pushed."""

CONNECTIONS: dict[str, Reason] = {
    "connected": Reason("The connection works.", "Nothing to do."),
    "reconnect": Reason(
        "{system} does not accept this connection any more: access was withdrawn there, or has ended.",
        "A Company Administrator connects it again; links and history stay.",
    ),
    "wrong_company": Reason(
        "This access opens another company, or the other environment (sandbox or production), of {system}.",
        "Connect again, choose the right company, and check the environment.",
    ),
    "no_rights": Reason(
        "The person who made the connection is no administrator of the company in {system} any more.",
        "Someone who is an administrator there connects it again.",
    ),
    "wrong_application": Reason(
        "{system} does not know Muster's client id and secret.",
        "Whoever runs Muster compares them with the developer portal, then connect again.",
    ),
    "disconnected": Reason(
        "The connection was closed, and its tokens were thrown away.", "Connect it again when it is needed."
    ),
}
"""How a connection is, as people see it; texts may name {system}. Only `connected` is used for calls."""
SYSTEMS: dict[System, str] = {System.LINARC: "Linarc", System.QUICKBOOKS: "QuickBooks Online"}
"""How people call them."""


def connection_words(state: str, system: System) -> Reason:
    """What a connection's state is, and what to do about it, in words."""
    known = CONNECTIONS.get(state, CONNECTIONS["reconnect"])
    return Reason(known.text.format(system=SYSTEMS[system]), known.fix.format(system=SYSTEMS[system]))
