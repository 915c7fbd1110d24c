"""
The configuration of our own server: durable, reachable only through its socket, sized for a developer's machine.
"""

from pathlib import Path


def server_settings(*, socket_folder: Path, shared_buffers: str) -> str:
    """Return the text of a configuration file; as in production, commits are on disk before they are acknowledged."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{socket_folder}"',
        "port": "5432",
        "max_connections": "200",
        "shared_buffers": shared_buffers,
        "effective_cache_size": "4GB",
        "maintenance_work_mem": "256MB",
        "work_mem": "16MB",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "max_locks_per_transaction": "256",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "log_min_messages": "warning",
        "log_line_prefix": "%m [%p] %d ",
        # Statements may contain personal data, so neither statements nor parameters are logged.
        "log_min_error_statement": "panic",
        "log_parameter_max_length_on_error": "0",
    }
    return "".join(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())
