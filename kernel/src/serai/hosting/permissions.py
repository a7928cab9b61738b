"""The kernel's own permissions."""

KERNEL_PERMISSIONS = {"kernel:read": "Read metrics and the state of the kernel"}
