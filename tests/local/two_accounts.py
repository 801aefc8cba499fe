"""Two accounts: two AWS servers that know each other, as an environment for work and one for production have them."""

import json
import secrets
from pathlib import Path

from tests.local.sagemaker_server import SageMakerServer

DEV, PROD = "123456789012", "210987654321"


class TwoAccounts:
    """Both servers; each one's admin has a profile of its own in its folder (`config`, `credentials`)."""

    def __init__(self, folder: Path) -> None:
        self.peers = folder / "peers.json"
        self.dev = _Account(folder / "dev", DEV, self.peers)
        self.prod = _Account(folder / "prod", PROD, self.peers)

    def start(self) -> None:
        """Returns once both answer and know each other."""
        accounts = {DEV: self.dev.url, PROD: self.prod.url}
        self.peers.touch(mode=0o600)
        self.peers.write_text(json.dumps({"token": secrets.token_hex(16), "accounts": accounts}))
        for account in (self.dev, self.prod):
            account.start()

    def stop(self) -> None:
        """Ends both."""
        for account in (self.dev, self.prod):
            account.stop()


class _Account(SageMakerServer):
    """One of the servers."""

    def __init__(self, folder: Path, account: str, peers: Path) -> None:
        super().__init__(folder, GROUNDWORK_AWS_ACCOUNT_ID=account)
        self.arguments = ("--peers", str(peers))
