"""SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865) at `/isapi/scim/v2`: people as Users, departments as Groups.

`door` is what the kernel mounts; it brings in the rest when it is first asked, because that takes a second to import.
The protocol is scim2-server's; ours is where resources come from (`people`, `teams`, `local`), how their filters become
SQL (`reading`, `filters`), and how they are searched as one collection (`storage`).
"""
