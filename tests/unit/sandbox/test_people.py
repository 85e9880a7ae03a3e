"""The generator is repeatable and its true pairs are true."""

import json
import random
from pathlib import Path

import pytest

from sandbox import people, seeds


def test_the_same_seed_makes_the_same_people() -> None:
    assert people.generate(300, 7) == people.generate(300, 7)
    assert people.generate(300, 7) != people.generate(300, 8)
    assert people.scenario(200, 3, 0.5) == people.scenario(200, 3, 0.5)


def test_numbers_and_emails_are_unique_and_some_names_are_shared() -> None:
    cast = people.generate(3000)
    numbers = [p.number for p in cast if p.number]
    emails = [p.email for p in cast if p.email]
    names = [p.full_name.casefold() for p in cast]
    assert len(set(numbers)) == len(numbers)
    assert len(set(emails)) == len(emails)
    assert 0 < len(names) - len(set(names)) < 100
    assert all(
        any(p for p in cast if not getattr(p, field)) for field in ("number", "email", "phone", "birth_date")
    )


def test_without_shared_names_every_full_name_is_unique() -> None:
    names = [p.full_name.casefold() for p in people.stream(20000, 7, 0.0)]
    assert len(set(names)) == len(names)
    assert any(" " not in name for name in names)


def test_names_carry_accents_apostrophes_hyphens_and_suffixes() -> None:
    names = " ".join(p.full_name for p in people.generate(2000))
    assert all(part in names for part in ("O'", "-", "é", "Jr.", "III"))


def test_true_pairs_join_the_same_person() -> None:
    made = people.scenario(400, 7, 0.6)
    assert len(made.pairs) == 240
    assert len({a for a, _ in made.pairs}) == len({b for _, b in made.pairs}) == 240
    assert len(made.destination) == 248
    for a, b in made.pairs:
        one, other = made.source[a], made.destination[b]
        assert other.number in (one.number, None)
        assert (other.email or "").lower() in ((one.email or "").lower(), "")
        assert other.active == one.active


def test_some_pairs_differ_in_the_name_with_and_without_a_common_key() -> None:
    made = people.scenario(2000, 7, 0.6)
    hard = {True: 0, False: 0}
    for a, b in made.pairs:
        one, other = made.source[a], made.destination[b]
        if (
            people.plain(f"{one.first} {one.last}").casefold()
            != people.plain(f"{other.first} {other.last}").casefold()
        ):
            common = one.number == other.number is not None or one.email == other.email is not None
            hard[common] += 1
    assert hard[True] > 20
    assert hard[False] > 5


def test_without_overlap_the_destination_is_empty() -> None:
    made = people.scenario(50, 7, 0.0)
    assert (len(made.source), made.destination, made.pairs) == (50, (), ())


@pytest.mark.parametrize("name", ["Li", "Ng", "O'Brien", "Núñez", "aaa"])
def test_a_typo_changes_the_name(name: str) -> None:
    assert all(people.typo(name, random.Random(seed)) != name for seed in range(50))


def test_quickbooks_display_names_are_unique() -> None:
    shown = [e["DisplayName"].casefold() for e in seeds.quickbooks_wire(people.generate(3000))]
    assert len(set(shown)) == 3000
    assert any("(e-" in name for name in shown)


@pytest.mark.parametrize("direction", ["linarc-to-qbo", "qbo-to-linarc"])
def test_seed_files_hold_the_scenario(tmp_path: Path, direction: str) -> None:
    people.main(["--employees", "60", "--direction", direction, "--out", str(tmp_path)])
    linarc = {e["id"]: e for _, e in seeds.read_seed(tmp_path / "linarc.json")}
    quickbooks = {e["Id"]: e for _, e in seeds.read_seed(tmp_path / "quickbooks.json")}
    pairs = json.loads((tmp_path / "true_pairs.json").read_text())["pairs"]
    assert len(linarc if direction == "linarc-to-qbo" else quickbooks) == 60
    assert len(pairs) == 36
    for a, b in pairs:
        number = quickbooks[b].get("EmployeeNumber")
        assert number is None or linarc[a].get("employee_number") in (number, None)
    assert {"demo": list(linarc.values())} == json.loads((tmp_path / "linarc.json").read_text())


def test_any_json_layout_is_read(tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    path.write_text('{"a": [{"id": "lin_000001"}], "b": [{"id": "lin_000001"}]}')
    assert [scope for scope, _ in seeds.read_seed(path)] == ["a", "b"]
