"""The words of the public API's description that no signature holds: parameters, examples, answers and errors."""

import re
from types import MappingProxyType
from typing import Any

from shared.http.problems import TYPES

_INTRODUCTION = """\
One company's employees, kept the same in two systems. Everything about a company is below `/v1/companies/{company}`; a
company that you may not see answers 404.

Send an API key as `Authorization: Bearer mk_…`. Writes take an `Idempotency-Key`: the same request with the same key is
done once, and answered alike for a day. What takes time answers 202 with a `run_id`, whose run says how it ended.

Every error is `application/problem+json` (RFC 9457); the schema `Problem` names each type. Fields and types of events may be
added at any time: ignore those that you do not know.
"""
TAGS = MappingProxyType(
    {
        "session": "Signing in and out, for browsers.",
        "account": "Your own password and sessions.",
        "companies": "Companies, their route, and their API keys.",
        "accounts": "The two systems' directories, and their credentials.",
        "webhooks": "What the two systems send to Muster.",
        "people": "Who may do what in a company.",
        "audit": "What administrators did.",
        "rules": "The rules of a route, tried out before they are saved, with every version.",
        "records": "The people of the source, how each stands, and what happened to them.",
        "mapping": "Who is who: candidates, cases, links and decisions.",
        "plans": "What a push would write, looked at before it is written.",
        "runs": "Imports and pushes.",
        "schedules": "Imports and syncs that start by themselves.",
        "stream": "What browsers follow to stay up to date.",
        "operations": "How Muster itself does, and the messages that could not be handled.",
        "installation": "All companies of this Muster at once, and who runs it.",
        "events": "What happens in a company, for other programs.",
        "endpoints": "Addresses of yours that receive events.",
        "notices": "What people are told by e-mail, Slack, Teams or webhook when it needs them.",
    }
)
PARAMETERS = MappingProxyType(
    {
        "view": "The view's id, a UUID of your own choice.",
        "company": "The company's id.",
        "account": "The id of one of the company's accounts, from `GET …/accounts`.",
        "record": "A record's id. It never changes.",
        "destination_record": "The id of a record of the destination.",
        "channel": "The channel's id.",
        "plan": "The plan's id, which is also that of its run.",
        "run": "The run's id, as the answer that started it gave it.",
        "selection": "The selection's id.",
        "schedule": "The schedule's id; you choose it when you make one.",
        "endpoint": "The endpoint's id.",
        "span": "How far back to look.",
        "service": "The service that could not handle the message.",
        "letter": "The dead letter's number there.",
        "delivery": "The delivery's number.",
        "invitation": "The invitation's id.",
        "user": "The person's id.",
        "key_id": "The API key's id, the part of it before the second underscore.",
        "session": "The session's id, from `GET /v1/me/sessions`.",
        "token": "The secret part of the link.",
        "version": "The version of the rules.",
        "Idempotency-Key": "A unique key of your choice. A repeat with the same key is not carried out again.",
        "Last-Event-ID": "The `id` of the last event that you have: the stream goes on behind it.",
        "accept": "`text/event-stream` for a stream, else a page of JSON.",
        "after": "Where to go on: the `next` of the page before.",
        "limit": "The most items of a page.",
        "q": "Words to look for in names, numbers and e-mail addresses.",
        "sort": "The order; with `-` before it, descending.",
        "status": "Only records of these statuses; repeatable.",
        "state": "Only those in this state.",
        "reason": "Only those with this reason code.",
        "field": "Only those that concern this field.",
        "outcome": "Only those that ended so.",
        "kind": "`import` or `sync`.",
        "actor": "Only what this person, key or (empty) Muster itself started.",
        "who": "Only what this person or key did.",
        "action": "Only this action.",
        "since": "Not before this time, in ISO 8601 with its offset.",
        "until": "Before this time, in ISO 8601 with its offset.",
        "result": "`problems`: only those in which something did not go through.",
        "brake": "Only records that count for this safety limit.",
        "ids": "These ids; repeatable.",
        "origin": "How the link was made.",
        "active": "Only those who are active there, or who are not.",
        "postponed": "Whether to show the cases that were left for later.",
        "type": "Only events of these types; repeatable.",
        "code": "What the other side sends back, to be exchanged.",
        "next": "The page to open afterwards.",
        "iss": "Who sends the person back.",
        "realmId": "The company at QuickBooks.",
        "error": "Why the other side refused.",
    }
)
"""What a parameter of this name is, unless it says so itself."""
PROBLEM_TYPES = "; ".join(f"`{kind}` ({status}): {title}" for kind, (status, title) in TYPES.items()) + "."
EXAMPLES: MappingProxyType[str, Any] = MappingProxyType(
    {
        "NewImport": {"mode": "new"},
        "NewSync": {"filter": {"status": ["needs_sync", "failed"]}},
        "NewSchedule": {
            "action": "import_new",
            "timing": {
                "at": "06:00",
                "days": ["mon", "tue", "wed", "thu", "fri"],
                "time_zone": "America/Los_Angeles",
            },
        },
        "EndpointInput": {
            "url": "https://hooks.example.com/muster",
            "types": ["push.succeeded", "status.changed"],
        },
        "EndpointChange": {"state": "active"},
        "NewInvitation": {"email": "dana@example.com", "role": "operator"},
        "NewKey": {"name": "Payroll export", "role": "viewer"},
        "DriftDecision": {
            "source_rev": 1764374400000,
            "destination_rev": 1764374400001,
            "adopt": ["phone"],
            "let_stand": ["title"],
        },
        "SignIn": {"email": "dana@example.com", "password": "correct horse battery staple"},
    }
)
"""A body of a request, by its schema."""
_ANSWERS = {
    "200": "The answer.",
    "201": "It has been made.",
    "202": "It has been accepted, and is done in a moment.",
    "204": "It has been done. There is no content.",
}
_SENTENCE = re.compile(r"(?<=[.:;?])\s")


def describe(document: dict[str, Any]) -> None:
    """Add them. An operation's summary is the first sentence of its text, never its name in capitals."""
    document["info"]["description"] = _INTRODUCTION
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    schemas = document["components"]["schemas"]
    for name, example in EXAMPLES.items():
        if name in schemas:
            schemas[name]["example"] = example
    for operation in (o for path in document["paths"].values() for o in path.values()):
        operation["summary"] = summary(operation["description"])
        for one in operation.get("parameters", ()):
            if not one.get("description") and one["name"] in PARAMETERS:
                one["description"] = PARAMETERS[one["name"]]
        for status, answer in operation["responses"].items():
            if answer.get("description") == "Successful Response":
                answer["description"] = _ANSWERS.get(status, "The answer.")


def summary(text: str) -> str:
    """The first sentence, without what ends it."""
    return " ".join(_SENTENCE.split(text.strip(), 1)[0].split()).rstrip(".:;")
