"""The kernel's own permissions."""

KERNEL_PERMISSIONS = {
    "kernel:read": "Read metrics and the state of the kernel",
    "kernel:operate": "Start, stop and repair what runs",
    "kernel:clients": "Make, change and refuse clients, and decide on requests for keys",
    "kernel:disclosures": "Read who was shown whose personal data",
}
"""Each with what it allows, as those of a plugin."""
