from __future__ import annotations

import itertools

import pytest

from accounts.roles import MATRIX, SENTENCES, Can, Permissions, Role, allows

V, A, S, D = Role.VIEWER, Role.AUTHOR, Role.SENDER, Role.ADMIN
WHO_MAY = {
    Can.VIEW: {V, A, S, D},
    Can.WRITE_CONTACTS: {A, S, D},
    Can.WRITE_CAMPAIGNS: {A, S, D},
    Can.SEND: {S, D},
    Can.SEE_AUDIT: {D},
    Can.MANAGE_WORKSPACE: {D},
    Can.MANAGE_INSTALL: set(),
}


@pytest.mark.parametrize("can", Can)
@pytest.mark.parametrize("role", Role)
def test_the_matrix_is_what_we_promised(role: Role, can: Can) -> None:
    assert allows(role, can) is (role in WHO_MAY[can])


def test_every_permission_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Can)


def test_each_role_can_all_that_the_ones_before_it_can() -> None:
    roles = [MATRIX[role] for role in Role]
    assert all(less < more for less, more in itertools.pairwise(roles))


def test_a_stranger_may_nothing() -> None:
    assert not any(allows(None, can) for can in Can)


def test_routes_are_for_install_administrators_whatever_their_role() -> None:
    assert allows(None, Can.MANAGE_INSTALL, install_admin=True)
    assert not allows(Role.ADMIN, Can.MANAGE_INSTALL)


def test_templates_ask_by_name() -> None:
    can = Permissions(Role.SENDER)
    assert can.send and not can.manage_workspace
    with pytest.raises(ValueError, match="fly"):
        _ = can.fly
