"""What this proxy raises on purpose. Each class says who acts next."""


class ProxyError(Exception):
    """Raised on purpose by this proxy; the message is written for the user."""


class ConfigError(ProxyError):
    """The user acts: name the setting, refuse to start."""


class RegistryError(ProxyError):
    """The port registry cannot be read or locked: name the file, change nothing."""


class RegistryUnwritable(RegistryError):
    """The user frees the disk or its permissions; what was registered still holds."""


class RegistryTooNew(RegistryError):
    """The user updates this program; a file of a later version stays untouched."""


class NoPortLeft(RegistryError):
    """The user forgets a project or widens the range of ports."""


class AuthorityUnusable(ProxyError):
    """The user moves the named file away; a new authority has to be trusted anew."""
