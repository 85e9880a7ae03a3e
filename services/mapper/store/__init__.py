"""mapper's SQL."""

from services.mapper.store.directories import (
    add_marks,
    complete_directories,
    due_companies,
    finish_directories,
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
)
from services.mapper.store.matching import affected_by_destinations, affected_by_sources, alike, twins
from services.mapper.store.records import Row, load_facts, load_subjects, save_facts, search

__all__ = [
    "Row", "add_auto_links", "add_created", "add_decision", "add_marks", "affected_by_destinations",
    "affected_by_sources", "alike", "complete_directories", "drop_decisions", "due_companies", "finish_directories",
    "flip", "held_by", "load_facts", "load_subjects", "mark_all_due", "mark_due",
    "mark_potential_due", "owners", "put_link", "remove_link", "save_answers", "save_facts", "search", "take_due", "twins",
]  # fmt: skip
