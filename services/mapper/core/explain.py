"""Scores in words: what a level and a veto mean, and the reason that a veto gives a case."""

from services.mapper.core.score import LINK_BITS, MARGIN_BITS, Score

VETO_REASONS = {
    "first_name": "names_differ",
    "last_name": "names_differ",
    "birth_date": "birth_dates_differ",
    "number": "numbers_differ",
    "suffix": "generations_differ",
    "gender": "contradiction",
    "firm": "contradiction",
    "names_only": "similar_name",
    "household": "same_household",
    "twins": "same_household",
    "rehire": "inactive_match",
}
VETOES = {
    "first_name": "The first names are those of two people.",
    "last_name": "The last names differ.",
    "birth_date": "The birth dates differ.",
    "number": "The employee numbers differ.",
    "suffix": "One may be the other's parent (Sr, Jr, II, III).",
    "gender": "The genders differ.",
    "firm": "Only one of the two is a business.",
    "names_only": "Nothing besides the names agrees.",
    "household": "What agrees is shared by people who live together.",
    "twins": "Both may be children of one home, born on one day.",
    "rehire": "It is inactive, and somebody active is plausible too.",
}
LEVELS = {
    "equal": "equal",
    "digits": "equal in the digits",
    "zeros": "equal but for zeros, and the other form is somebody's too",
    "spelling": "another spelling",
    "nickname": "a short form",
    "word": "one word in common",
    "second_word": "one word in common, in another place",
    "middle_in_use": "the middle name in use",
    "slip": "a typing slip",
    "near": "close",
    "alike": "alike",
    "initial": "the same initial",
    "other_initial": "another initial",
    "two_names": "alike, but two established names",
    "gendered": "the name of a man and of a woman",
    "swapped": "first and last name swapped",
    "moved": "in the place of the other name",
    "one_sided": "on one side only",
    "inactive": "inactive at the destination",
    "limit": "more than an address can say",
    "differs": "differs",
    "missing": "missing",
}
_VETO_CHANGES = {
    "first_name": "If the employee number and the birth date were equal, another first name would not matter.",
    "last_name": "If birth date, first name and telephone, e-mail address or home agreed, another last name would not matter.",
    "birth_date": "If one of the birth dates is wrong: correct it, and nothing speaks against the pair.",
    "number": "If one of the employee numbers is wrong: correct it, and nothing speaks against the pair.",
    "suffix": "An equal suffix, or an equal birth date or employee number, would settle it.",
    "gender": "If one of the genders is wrong: correct it, and nothing speaks against the pair.",
    "firm": "If one of the names is not the name of a person: correct it.",
    "names_only": "One more agreement would do: employee number, e-mail address, telephone, birth date or address.",
    "household": "An equal employee number or birth date would tell the people of one home apart.",
    "twins": "An equal employee number would tell them apart.",
    "rehire": "Make the inactive record active if it is this person's, or say that the active one is.",
}
_STRONG = {
    "number": "employee number",
    "email": "e-mail address",
    "birth_date": "birth date",
    "phone": "telephone",
}
"""What identifies a person nearly alone, in words."""


def could_change(best: Score, second: Score | None) -> tuple[str, ...]:
    """What would make the answer about a record another one, in sentences; `second` is the next free candidate."""
    found = [_VETO_CHANGES[veto] for veto in best.vetoes]
    missing = LINK_BITS + best.extra - best.bits
    if missing > 0:
        fields = [words for field, words in _STRONG.items() if best.level(field) != "equal"]
        found.append(
            f"{missing:.1f} points are missing for a link: an equal {' or '.join(fields)} would add about 12."
        )
    if second is not None and best.bits - second.bits < MARGIN_BITS:
        lead = best.bits - second.bits
        found.append(
            f"The next candidate is only {lead:.1f} points behind, and {MARGIN_BITS:.0f} are needed: say which of the two it is."
        )
    return tuple(found)
