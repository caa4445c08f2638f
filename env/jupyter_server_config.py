"""JupyterLab reached through a tunnel, behind Jupyter's token; used by env/start.sh and `s2v-nb lab`.

The token is not set here, so that each server makes its own; only an empty one would open the door.
"""

import os

c = get_config()  # noqa: F821 - Jupyter gives it to the file

NEWS = "@jupyterlab/apputils-extension:announcements"


def without_news(handler, page_config):
    """Nobody is asked about news from Jupyter and newer versions: the page loads without that plugin."""
    disabled = page_config.get("disabledExtensions", [])
    return page_config | {"disabledExtensions": [*disabled, NEWS]}


c.ServerApp.ip = "127.0.0.1"
c.ServerApp.open_browser = False
c.ServerApp.allow_root = hasattr(os, "geteuid") and os.geteuid() == 0  # rented machines log in as root
c.ServerApp.terminals_enabled = True
c.ServerApp.tornado_settings = {
    # a picture or a song in one message: tornado's 10 MiB end such an upload without a word
    "websocket_max_message_size": 512 * 2**20,
    "page_config_hook": without_news,
}
# a clip shown in a cell is more than the 1 MB a second that are let through to the page otherwise
c.ZMQChannelsWebsocketConnection.iopub_data_rate_limit = 1e9
