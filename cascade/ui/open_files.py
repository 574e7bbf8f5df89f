"""How many files the server's process may have open: every page that is looked at takes some."""

from __future__ import annotations

# What a few hundred open pages need. Streamlit keeps three for each, and for two minutes after it
# has been left; the rest are connections and the database's.
ENOUGH = 4096
A_PAGE, WITHOUT_PAGES = 3, 64
# The most that some systems let a process have, whatever they call the limit.
_FALLBACK = 10_240


def allow_many() -> str:
    """Raises the process's own limit as far as it may; what is to be said where that is too low."""
    try:
        import resource
    except ImportError:
        return ""  # Windows has no such limit.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = [hard, min(_FALLBACK, hard) if hard != resource.RLIM_INFINITY else _FALLBACK]
    for limit in wanted:
        if soft >= ENOUGH or soft == resource.RLIM_INFINITY:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        except (OSError, ValueError):
            continue
        soft = limit
    if soft == resource.RLIM_INFINITY or soft >= ENOUGH:
        return ""
    pages = max(1, (soft - WITHOUT_PAGES) // A_PAGE)
    return (
        f"This process may open {soft} files only, enough for about {pages} pages at once. For "
        f"more, raise the limit before the start (`ulimit -n {ENOUGH}`)."
    )
