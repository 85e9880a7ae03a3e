"""Each kind of pair that matching meets, among a hundred other people of the same two directories."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid5

import pytest

from services.mapper.core.choose import Pair, can_link, choose
from services.mapper.core.counts import count
from services.mapper.core.profile import Profile, identity_keys_of, keys_of, profile_of
from services.mapper.core.score import LINK_BITS, Scorer
from shared.domain.employee import Employee
from tests.support.kinds import KINDS, Case, Maker

NAMESPACE = UUID(int=1)
OTHERS = 100


def profiles(side: str, people: Sequence[Employee]) -> list[Profile]:
    return [profile_of(uuid5(NAMESPACE, f"{side}{n}"), person) for n, person in enumerate(people)]


def outcome(case: Case, seed: int) -> tuple[dict[int, int], set[tuple[int, int]]]:
    """The links between the case's records, and every pair that a person would see, by index."""
    maker = Maker(seed)
    source = profiles("s", [*case.source, *(Employee(**maker.person()) for _ in range(OTHERS))])
    destination = profiles("d", [*case.destination, *(Employee(**maker.person()) for _ in range(OTHERS))])
    scorer = Scorer(count(source, destination))
    keyed = [(b, set(keys_of(b))) for b in destination]
    pairs = [
        Pair(a.record_id, b.record_id, score)
        for a in source
        for mine in [set(keys_of(a))]
        for b, theirs in keyed
        if mine & theirs and (score := scorer.candidate(a, b)) is not None
    ]
    at = {p.record_id: n for side in (source, destination) for n, p in enumerate(side)}
    links = {at[s]: at[d] for s, d in choose(pairs).items()}
    return links, {
        (at[p.source], at[p.destination]) for p in pairs if p.destination not in links or can_link(p)
    }


@pytest.mark.parametrize("name", KINDS)
def test_a_kind(name: str) -> None:
    """Nobody is linked to somebody else, and nobody who has a record at the destination is taken for new."""
    maker = Maker(sum(map(ord, name)))
    for seed in range(3):
        case = KINDS[name](maker)
        links, seen = outcome(case, seed)
        same = set(case.same)
        mine = {(s, d) for s, d in links.items() if s < len(case.source)}
        assert mine <= same
        assert all(s in links or any(pair in seen for pair in same if pair[0] == s) for s, _ in same)
        if case.expected == "link":
            assert mine
        if case.expected == "ask":
            assert not mine


def test_who_has_none_of_the_identity_keys_is_not_above_the_bound() -> None:
    """Whichever side the record is on: so nobody else need be asked for when its best pair is clear of the bound."""
    cases = [kind(Maker(seed)) for seed in range(3) for kind in KINDS.values()]
    source = profiles("s", [person for case in cases for person in case.source])
    destination = profiles("d", [person for case in cases for person in case.destination])
    scorer = Scorer(count(source, destination))
    keyed = [(b, set(keys_of(b)), set(identity_keys_of(b))) for b in destination]
    apart = [
        (scorer.score(a, b).bits, min(scorer.bounds.without_identity(a), scorer.bounds.without_identity(b)))
        for a in source
        for mine, strongest in [(set(keys_of(a)), set(identity_keys_of(a)))]
        for b, theirs, others in keyed
        if mine & theirs and not strongest & others
    ]
    assert max(bits for bits, _ in apart) > LINK_BITS
    assert max(bits - highest for bits, highest in apart) < 1e-6
