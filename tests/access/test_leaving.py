"""Somebody leaves, or is deactivated, while another request concerns the same.

Each test has one of both in a transaction that has not ended yet, and lets it end once the other
waits for it, or did not wait.
"""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import delete, text, update

from projects_api.models import member, project, usage, user
from projects_api.models.accounts import answering, leaving, service_account
from projects_api.models.base import now
from projects_api.models.member import members
from projects_api.models.teams import team
from projects_api.models.teams.team import team_people
from projects_api.models.user import service_accounts, users
from tests.handlers.conftest import assert_problem
from tests.handlers.test_service_accounts import ACCOUNTS, make, make_key, works
from tests.handlers.test_teams import TEAMS, make_team, people_path, take_in
from tests.support.processes import wait_until

WAITING = text(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
def operator(server):
    return server.person("Olga", ("admin",))


@pytest.fixture
def owner(server):
    return server.person("Alice Chen")


@pytest.fixture
def other(server):
    return server.person("Bob Smith")


@pytest.fixture
def program(owner):
    account = make(owner)
    secret = make_key(owner, account["id"]).json()["secret"]
    return replace(owner, user_id=account["id"], email=account["email"], key=secret)


def answer_meanwhile(server, first, second, last=lambda _: None):
    """Have a request come while a transaction has done its work and has not ended; answer it.

    `last` is what the transaction still does once the request waits for it.
    """
    answers = []
    thread = threading.Thread(target=lambda: answers.append(second()))

    def waits() -> bool:
        if server.services.database.is_embedded:
            return True  # Writers wait for their turn, which no statement tells of.
        with server.services.database.transaction(writing=False) as connection:
            return not thread.is_alive() or connection.execute(WAITING).first() is not None

    with server.services.database.connect(writing=True) as connection:
        first(connection)
        thread.start()
        wait_until(waits, "the other request waits, or has ended")
        last(connection)
        connection.commit()
    thread.join()
    return answers[0]


def faults(server) -> list[str]:
    with server.services.database.transaction(writing=False) as connection:
        return answering.find_wrong(connection, limit=1000)


@pytest.fixture(autouse=True)
def nothing_without_anybody(server):
    """Whatever is done, nobody is missing afterwards who was there before."""
    before = faults(server)
    yield
    assert faults(server) == before


def delete_account(owner, program):
    return owner.delete(f"{ACCOUNTS}/{program.user_id}")


class TestAnAccountIsDeletedWhileAnotherRequestIsNotDone:
    def ends(self, server, owner, program, first) -> None:
        answer = answer_meanwhile(server, first, lambda: delete_account(owner, program))
        assert answer.status_code == 200

    def test_the_other_owner_leaves(self, server, owner, other, program):
        project_id = program.create_project()
        program.share(project_id, other, "owner")

        def leave(connection):
            project.hold(connection, project_id)
            member.remove(connection, project_id, other.user_id)

        self.ends(server, owner, program, leave)
        assert owner.get(f"/api/projects/{project_id}").status_code == 200

    @pytest.mark.parametrize("demoted", [False, True])
    def test_the_other_maintainer_leaves(self, server, owner, other, program, demoted):
        team_id = make_team(program)
        take_in(program, team_id, other, "maintainer")

        def leave(connection):
            team.hold(connection, team_id)
            if demoted:
                team.put_person(connection, team_id, other.user_id, "member")
            else:
                team.remove_person(connection, team_id, other.user_id)

        self.ends(server, owner, program, leave)
        assert owner.get(f"{TEAMS}/{team_id}").json()["team"]["role"] == "maintainer"

    def test_it_makes_a_project(self, server, owner, program):
        made = []

        def create(connection):
            made.append(project.create(connection, program.user_id, name="P", description=""))

        self.ends(server, owner, program, create)
        assert owner.get("/api/projects").json()["total"] == 1

    @pytest.mark.parametrize("place", ["project", "team"])
    def test_nobody_waits_for_one_who_waits(self, server, owner, program, place):
        """Who holds a project or a team may still name the account, which is held last."""
        project_id, team_id = program.create_project(), make_team(program)

        def hold(connection):
            if place == "project":
                project.hold(connection, project_id)
            else:
                team.hold(connection, team_id)

        answer = answer_meanwhile(
            server,
            hold,
            lambda: delete_account(owner, program),
            lambda connection: user.keep(connection, program.email),
        )
        assert answer.status_code == 200

    def test_it_makes_a_team(self, server, owner, program):
        def create(connection):
            usage.hold_person(connection, program.user_id)
            team.create(connection, program.user_id, name="T")

        self.ends(server, owner, program, create)
        assert owner.get(TEAMS).json()["total"] == 1


class TestARequestComesWhileAnAccountIsBeingDeleted:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/api/projects", {"name": "P"}),
            (TEAMS, {"name": "T"}),
            ("/api/keys", {"name": "K", "scopes": ["read"]}),
        ],
    )
    def test_its_own_key_works_no_more(self, server, owner, program, path, body):
        answer = answer_meanwhile(
            server,
            lambda connection: leaving.remove(connection, program.user_id, owner.user_id),
            lambda: program.post(path, json=body),
        )
        assert_problem(answer, 401, "unauthenticated")

    @pytest.mark.parametrize(
        ("which", "slug"),
        [
            ("team", "user-not-registered"),
            ("project", "user-not-registered"),
            ("key", "service-account-not-found"),
            ("operator's key", "person-not-found"),
            ("again", "service-account-not-found"),
        ],
    )
    def test_others_do_not_find_it(self, server, owner, operator, program, which, slug):
        team_id, project_id = make_team(owner), owner.create_project()
        key = {"name": "K", "scopes": ["read"]}
        by_operator = f"/api/admin/people/{program.user_id}/keys"
        asked = {
            "team": lambda: take_in(owner, team_id, program),
            "project": lambda: owner.share(project_id, program, "viewer"),
            "key": lambda: make_key(owner, program.user_id, "read"),
            "operator's key": lambda: operator.post(by_operator, json={**key, "scopes": ["admin"]}),
            "again": lambda: delete_account(owner, program),
        }
        answer = answer_meanwhile(
            server,
            lambda connection: leaving.remove(connection, program.user_id, owner.user_id),
            asked[which],
        )
        assert_problem(answer, 404, slug)

    def test_the_other_owner_leaves_and_the_heir_is_one(self, server, owner, other, program):
        project_id = program.create_project()
        program.share(project_id, other, "owner")

        def leave():
            return other.delete(f"/api/projects/{project_id}/members/{other.user_id}")

        def remove(connection):
            leaving.remove(connection, program.user_id, owner.user_id)

        # Without an owner beside the one that leaves it would be nobody's: that one stays.
        assert_problem(answer_meanwhile(server, remove, leave), 409, "last-owner")


class TestAnOwnerIsDeactivated:
    def test_while_an_account_is_activated(self, server, owner, operator, program):
        operator.post(f"/api/admin/people/{program.user_id}/deactivate")
        answer = answer_meanwhile(
            server,
            lambda connection: user.activate(connection, program.user_id),
            lambda: operator.post(f"/api/admin/people/{owner.user_id}/deactivate"),
        )
        assert answer.status_code == 200
        assert not works(owner, program.key)

    def test_before_an_account_is_activated(self, server, owner, operator, program):
        operator.post(f"/api/admin/people/{program.user_id}/deactivate")
        answer = answer_meanwhile(
            server,
            lambda connection: user.deactivate(connection, owner.user_id),
            lambda: operator.post(f"/api/admin/people/{program.user_id}/activate"),
        )
        assert_problem(answer, 409, "owner-deactivated")
        assert not works(owner, program.key)

    def test_while_an_account_is_made(self, server, owner, operator):
        def create(connection):
            usage.hold_person(connection, owner.user_id)
            service_account.create(connection, owner.user_id, name="A")

        answer = answer_meanwhile(
            server,
            create,
            lambda: operator.post(f"/api/admin/people/{owner.user_id}/deactivate"),
        )
        assert answer.status_code == 200

    def test_before_an_account_is_made(self, server, owner):
        answer = answer_meanwhile(
            server,
            lambda connection: user.deactivate(connection, owner.user_id),
            lambda: owner.post(ACCOUNTS, json={"name": "A"}),
        )
        assert_problem(answer, 401, "unauthenticated")


class TestHeirs:
    """By what the command asks."""

    def test_only_an_active_person_is_one(self, server, owner, other, program):
        owner.create_project()
        mine = make(other)["id"]
        with server.services.database.connect(writing=True) as connection:
            for heir_id in (program.user_id, mine, owner.user_id):
                with pytest.raises(leaving.HeirRefused):
                    leaving.remove(connection, owner.user_id, heir_id)
            with pytest.raises(leaving.HeirNeeded):
                leaving.remove(connection, owner.user_id, None)
            user.deactivate(connection, other.user_id)
            with pytest.raises(leaving.HeirRefused):
                leaving.remove(connection, owner.user_id, other.user_id)
            connection.rollback()

    def test_accounts_go_over_without_keys_and_stay_off_by_themselves(
        self, server, owner, other, operator, program
    ):
        off = make(owner)["id"]
        operator.post(f"/api/admin/people/{off}/deactivate")
        operator.post(f"/api/admin/people/{owner.user_id}/deactivate")
        with server.services.database.transaction() as connection:
            leaving.remove(connection, owner.user_id, other.user_id)
        assert not works(other, program.key)
        since = {one["id"]: one["deactivated_at"] for one in other.get(ACCOUNTS).json()["items"]}
        assert (since[program.user_id], bool(since[off])) == (None, True)
        assert works(other, make_key(other, program.user_id, "read").json()["secret"])

    def test_one_who_is_deactivated_maintains_nothing_for_others(
        self, server, owner, other, operator
    ):
        team_id = make_team(owner)
        take_in(owner, team_id, other, "maintainer")
        operator.post(f"/api/admin/people/{other.user_id}/deactivate")
        with server.services.database.connect(writing=True) as connection:
            assert leaving.find_alone(connection, owner.user_id).teams == [team_id]
        answer = owner.delete(people_path(team_id, owner.user_id))
        assert_problem(answer, 409, "last-maintainer")


class TestFindWrong:
    """What the doctor asks: each kind of a fault is found, and only that."""

    @pytest.mark.parametrize("fault", ["project", "team", "program's", "its own", "active"])
    def test_finds(self, server, owner, program, fault):
        project_id, team_id, other_id = owner.create_project(), make_team(owner), make(owner)["id"]
        this = service_accounts.c.user_id == program.user_id
        table = service_accounts
        planted = {
            "project": (delete(members).where(members.c.project_id == project_id), "no owner"),
            "team": (
                update(team_people).where(team_people.c.team_id == team_id).values(role="member"),
                "no maintainer",
            ),
            "program's": (update(table).where(this).values(owner_id=other_id), "no person"),
            "its own": (update(table).where(this).values(owner_id=program.user_id), "no person"),
            "active": (
                update(users).where(users.c.id == owner.user_id).values(deactivated_at=now()),
                "owner is deactivated",
            ),
        }
        statement, told = planted[fault]
        ids = {"project": [project_id], "team": [team_id], "active": [program.user_id, other_id]}
        with server.services.database.connect(writing=True) as connection:
            before = answering.find_wrong(connection, limit=1000)
            connection.execute(statement)
            found = set(answering.find_wrong(connection, limit=1000)).difference(before)
            connection.rollback()
        assert len(found) == len(ids.get(fault, [program.user_id]))
        for one in ids.get(fault, [program.user_id]):
            assert any(one in line and told in line for line in found)
