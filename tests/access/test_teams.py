"""Teams in projects: the highest role counts, whatever was given and taken in whatever order."""

import io
import itertools
import json
import random
import threading
import zipfile

import pytest
from sqlalchemy import delete, insert, select, update

from projects_api.models import member as members
from projects_api.models.base import now
from projects_api.models.teams import effective
from tests.handlers.conftest import assert_problem
from tests.handlers.test_teams import ROLES, TEAMS, bring, make_team, people_path, role_in, take_in


@pytest.fixture
def owner(server):
    return server.person("Alice Chen")


@pytest.fixture
def other(server):
    return server.person("Bob Smith")


@pytest.fixture
def project_id(owner):
    return owner.create_project()


@pytest.fixture
def team_id(owner):
    return make_team(owner)


class Model:
    """What should hold, by the plainest means: the highest of all that was given, each time."""

    def __init__(self, owner, people, project_ids, team_ids) -> None:
        self.direct = {(owner, project): "owner" for project in project_ids}
        self.in_team = {(owner, team) for team in team_ids}
        self.given: dict[tuple[str, str], str] = {}
        self.people, self.projects, self.teams = people, project_ids, team_ids

    def roles(self, person, project) -> list[str]:
        """Give all roles that somebody has in a project."""
        by_teams = (
            role
            for (where, team), role in self.given.items()
            if where == project and (person, team) in self.in_team
        )
        direct = self.direct.get((person, project))
        return [*by_teams, *([direct] if direct else [])]

    def expected(self, project) -> dict[str, str]:
        found = {person: self.roles(person, project) for person in self.people}
        return {one: max(roles, key=ROLES.index) for one, roles in found.items() if roles}


class TestTheHighestRoleCounts:
    """Whatever was given and taken in whatever order."""

    @pytest.mark.parametrize("seed", range(3))
    def test_after_each_of_many_changes(self, server, owner, seed):
        chance = random.Random(seed)
        others = [server.person() for _ in range(3)]
        by_email = {one.email: one for one in (owner, *others)}
        projects = [owner.create_project(f"P{number}") for number in range(2)]
        team_ids = [make_team(owner) for _ in range(3)]
        model = Model(owner.email, list(by_email), projects, team_ids)
        for _ in range(40):
            person, project = chance.choice(others), chance.choice(projects)
            team, role = chance.choice(team_ids), chance.choice(ROLES[:3])
            self._change(chance.randrange(7), owner, person, project, team, role, model)
            for each in projects:
                assert self._shown(owner, each) == model.expected(each)
        for person, project in itertools.product(others, projects):
            roles = sorted(model.roles(person.email, project), key=ROLES.index)
            assert role_in(person, project) == (roles[-1] if roles else None)
        with server.services.database.transaction(writing=False) as connection:
            assert effective.find_wrong(connection, limit=5) == []

    def _change(self, which, owner, person, project, team, role, model) -> None:
        there = (person.email, team) in model.in_team
        if which == 0 and there:
            assert owner.delete(people_path(team, person.user_id)).status_code == 200
            model.in_team.remove((person.email, team))
        elif which <= 1:
            assert take_in(owner, team, person).status_code == 201
            model.in_team.add((person.email, team))
        elif which == 2 and (project, team) in model.given:
            path = f"/api/projects/{project}/teams/{team}"
            assert owner.delete(path).status_code == 200
            del model.given[project, team]
        elif which <= 4:
            assert bring(owner, project, team, role).status_code == 201
            model.given[project, team] = role
        elif which == 5 and (person.email, project) in model.direct:
            path = f"/api/projects/{project}/members/{person.user_id}"
            assert owner.delete(path).status_code == 200
            del model.direct[person.email, project]
        else:
            assert owner.share(project, person, role).status_code == 201
            model.direct[person.email, project] = role

    def _shown(self, owner, project) -> dict[str, str]:
        listed = owner.get(f"/api/projects/{project}/members").json()["items"]
        return {one["email"]: one["role"] for one in listed}

    def test_changes_at_the_same_moment_leave_what_is_given(self, server, owner, team_id):
        """One takes the direct role, one the team: neither may go by what the other still has."""
        for _ in range(5):
            person, project = server.person(), owner.create_project()
            bring(owner, project, team_id, "editor")
            owner.share(project, person, "viewer")
            take_in(owner, team_id, person)
            paths = (
                f"/api/projects/{project}/members/{person.user_id}",
                people_path(team_id, person.user_id),
                f"/api/projects/{project}/teams/{team_id}",
            )
            at_once = threading.Barrier(len(paths))
            statuses: list[int] = []

            def ask(path: str, barrier=at_once, found=statuses) -> None:
                barrier.wait()
                found.append(owner.delete(path).status_code)

            threads = [threading.Thread(target=ask, args=(path,)) for path in paths]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            assert statuses == [200, 200, 200]
            assert role_in(person, project) is None


class TestPeopleAndProjectsThatGo:
    def test_a_person_who_is_deactivated_has_nothing_by_teams(self, server, owner, other, team_id):
        take_in(owner, team_id, other)
        operator = server.person("Olga", ("admin",))
        path = f"/api/admin/people/{other.user_id}/deactivate"
        assert operator.post(path).status_code == 200
        assert_problem(other.get(f"{TEAMS}/{team_id}"), 401, "unauthenticated")

    def test_a_project_that_is_deleted_leaves_the_team(self, owner, other, project_id, team_id):
        take_in(owner, team_id, other)
        bring(owner, project_id, team_id)
        assert owner.delete(f"/api/projects/{project_id}").status_code == 200
        assert other.get("/api/projects").json()["total"] == 0
        assert owner.delete(f"{TEAMS}/{team_id}").status_code == 200

    def test_an_archive_has_those_who_are_members_without_teams(
        self, owner, other, server, project_id, team_id
    ):
        both = server.person()
        for person in (other, both):
            take_in(owner, team_id, person)
        bring(owner, project_id, team_id, "admin")
        owner.share(project_id, both, "viewer")
        exported = owner.get(f"/api/projects/{project_id}/export").content
        assert manifest_members(exported) == {owner.email: "owner", both.email: "viewer"}


def manifest_members(archive: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as unpacked:
        name = next(one for one in unpacked.namelist() if one.endswith("manifest.json"))
        document = json.loads(unpacked.read(name))
    return {one["email"]: one["role"] for one in document["members"]}


class TestFindWrong:
    """What the doctor asks: each kind of a wrong row is found, and only that."""

    @pytest.mark.parametrize(
        "fault",
        [
            {"role": "viewer"},
            {"role": "owner"},
            {"team_role": None},
            {"team_role": "viewer"},
            {"direct_role": "owner"},
            {"direct_role": None, "team_role": None, "role": "viewer"},
            "gone",
            "nobody's",
        ],
    )
    def test_finds(self, server, owner, other, project_id, team_id, fault):
        take_in(owner, team_id, other)
        owner.share(project_id, other, "viewer")
        bring(owner, project_id, team_id, "admin")
        table = members.members
        this = (table.c.user_id == other.user_id) & (table.c.project_id == project_id)
        place, stranger = (other.user_id, project_id), server.person()
        with server.services.database.connect(writing=True) as connection:
            assert place not in effective.find_wrong(connection, limit=1000)
            if fault == "gone":
                connection.execute(delete(table).where(this))
            elif fault == "nobody's":
                place = (stranger.user_id, project_id)
                row = {"role": "viewer", "team_role": "viewer", "created_at": now()}
                keys = {"user_id": place[0], "project_id": place[1]}
                connection.execute(insert(table), {**keys, **row})
            else:
                connection.execute(update(table).where(this).values(fault))
            assert effective.find_wrong(connection, limit=1000) == [place]
            if fault != "nobody's":
                effective.refresh(connection, [project_id], [other.user_id])
                kept = connection.execute(select(table.c.team_role).where(this)).scalar_one()
                assert kept == "admin"
            connection.rollback()
