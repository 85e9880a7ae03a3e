"""mapper's SQL."""

from services.mapper.store.directories import (
    MATCHES,
    add_marks,
    due_companies,
    finish_directories,
    load_directories,
    mark_all_due,
    mark_due,
    mark_potential_due,
    take_due,
)
from services.mapper.store.links import (
    add_auto_links,
    add_created,
    add_decision,
    drop_decisions,
    flip,
    held_by,
    owners,
    put_link,
    remove_link,
    save_answers,
    save_candidates,
)
from services.mapper.store.matching import affected_by_destinations, affected_by_sources, alike, twins
from services.mapper.store.records import Kept, load_facts, load_kept, save_facts, search

__all__ = [
    "MATCHES", "Kept", "add_auto_links", "add_created", "add_decision", "add_marks", "affected_by_destinations",
    "affected_by_sources", "alike", "drop_decisions", "due_companies", "finish_directories", "flip", "held_by",
    "load_directories", "load_facts", "load_kept", "mark_all_due", "mark_due", "mark_potential_due", "owners", "put_link",
    "remove_link", "save_answers", "save_candidates", "save_facts", "search", "take_due", "twins",
]  # fmt: skip
