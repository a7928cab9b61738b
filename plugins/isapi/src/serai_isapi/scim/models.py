"""What the SCIM service serves, and what it says that it can."""

from __future__ import annotations

from typing import Any

from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    EnterpriseUser,
    ETag,
    Filter,
    Group,
    Pagination,
    Patch,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    User,
)

USER = User[EnterpriseUser]
GROUP = Group
ENTERPRISE = str(EnterpriseUser.__schema__)
MODELS: dict[str, type[Resource[Any]]] = {"User": USER, "Group": GROUP}
"""The model of each resource type, by its name."""

LARGEST_PAGE = 200
PAGE = 100
CURSOR_LIFETIME = 3600
"""Seconds that a cursor can be followed."""

TOLERANT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
"""What identity providers send beside the standard: attributes that nobody declared, `remove` with a value instead of a
path filter, a path filter for an entry that is to be made."""


def provider(*, writes: bool) -> ScimProvider:
    """The service's own description."""
    return ScimProvider(
        models=[User, EnterpriseUser, Group],
        resource_types=[ResourceType.from_resource(USER), ResourceType.from_resource(GROUP)],
        config=ServiceProviderConfig(
            patch=Patch(supported=writes),
            bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
            filter=Filter(supported=True, max_results=LARGEST_PAGE),
            change_password=ChangePassword(supported=False),
            sort=Sort(supported=True),
            etag=ETag(supported=True),
            pagination=Pagination(
                cursor=True,
                index=True,
                default_pagination_method=Pagination.DefaultPaginationMethod.index,
                default_page_size=PAGE,
                max_page_size=LARGEST_PAGE,
                cursor_timeout=CURSOR_LIFETIME,
            ),
            authentication_schemes=[
                AuthenticationScheme(
                    type=AuthenticationScheme.Type.oauthbearertoken,
                    name="API key",
                    description="An API key of this server as a bearer token",
                    primary=True,
                )
            ],
        ),
        policy=TOLERANT,
    )
