"""Sign with our own authority, and trust upstream what this machine trusts."""

import logging
import os

from mitmproxy import ctx

from addons.read_settings import ReadSettings
from certs import ensure_authority, write_bundle
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
        more = [path for path in [self.settings.now.upstream_ca] if path]
        try:
            authority = ensure_authority(self.settings.places.ca_dir)
            # Companies look into TLS as we do, and their authority is one of the system's.
            trusted = write_bundle(authority, os.environ, more)
        except (ProxyError, OSError) as error:
            logger.error("The certificate authority cannot be used: %s", error)
            return
        ctx.options.update(
            confdir=str(authority.directory), ssl_verify_upstream_trusted_ca=str(trusted)
        )
