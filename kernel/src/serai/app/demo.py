"""What a demo prints for the newcomer."""

from __future__ import annotations

from serai.config.settings import KernelSettings

DEMO_CLIENT = "demo"


def banner(kernel: KernelSettings, key: str) -> str:
    """The address, the key, and lines to paste into a shell."""
    base = f"http://{kernel.listen}"
    lines = ["", f"Serai is ready on {base}", f"  demo API key: {key}"]
    if kernel.demo is not None and kernel.demo.show:
        lines.append("  try:")
        lines += [f"    curl -H 'Authorization: Bearer {key}' '{base}{path}'" for path in kernel.demo.show]
    lines.append("  Ctrl-C stops it; the data and the key are kept.")
    return "\n".join(lines)
