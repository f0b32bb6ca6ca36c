"""Sign with our own authority, and trust upstream what this machine trusts."""

import logging
import os
from pathlib import Path

from mitmproxy import ctx

from addons.read_settings import ReadSettings
from certs import Authority, ensure_authority, write_bundle
from routing.errors import ProxyError

logger = logging.getLogger("memory_proxy")


class UseAuthority:
    """mitmproxy would sign with the authority in ~/.mitmproxy, and trust certifi's list alone."""

    def __init__(self, settings: ReadSettings) -> None:
        self.settings = settings
        settings.changed.append(self.follow_settings)

    def running(self) -> None:
        if self.settings.is_readable:
            self.follow_settings()

    def follow_settings(self) -> None:
        try:
            authority, bundle = trusted(self.settings)
        except (ProxyError, OSError) as error:
            logger.error("The certificate authority cannot be used: %s", error)
            return
        ctx.options.update(
            confdir=str(authority.directory), ssl_verify_upstream_trusted_ca=str(bundle)
        )


def trusted(settings: ReadSettings) -> tuple[Authority, Path]:
    """Our authority, and a file of all those that this machine trusts, and of ours."""
    more = [path for path in [settings.now.upstream_ca] if path]
    authority = ensure_authority(settings.places.ca_dir)
    # Companies look into TLS as we do, and their authority is one of the system's.
    return authority, write_bundle(authority, os.environ, more)
