"""Where we run: the rented platforms, what survives a stop on each, what stops the bill.

One table, read by the session strip, by ``env/start.sh`` and by the first cell on hosted notebooks. The file uses the
standard library only and runs by its path, before anything is installed::

    python3 -I s2v_nb/platforms.py            # what was recognised, for a person
    python3 -I s2v_nb/platforms.py --shell    # the same and the environment, for a shell's eval

What is not known for sure is an empty string.
"""

from __future__ import annotations  # the system's Python may be older than ours

import argparse
import os
import re
import shlex
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path

MIRROR = "https://hf-mirror.com"
DATA_NAME = "s2v_nb-data"  # not s2v_nb: a checkout of that name may lie in the same folder


@dataclass(frozen=True)
class Platform:
    """A place to rent a GPU. In `PLATFORMS` paths may hold ``*`` and commands ``{NAME}``; `detect` fills them in."""

    key: str
    name: str
    variables: tuple[str, ...] = ()  # any of these environment variables gives it away
    files: tuple[str, ...] = ()  # or any of these files or folders; ``*`` stands for any name
    environment_files: tuple[str, ...] = ()  # hold ``export NAME=value`` for logins that do not inherit it
    keeps: str = ""  # the folder that survives a stop; '' where nothing does, or all does
    models: str = ""  # where models go; '' for the usual places under the home folder
    stop_command: str = ""  # stops this machine from inside; '' where none is known
    bill: tuple[str, str] = ("", "")  # what ends the costs, in English and Chinese
    ssh: tuple[str, str, str] = ("{USER}", "", "")  # user, host, port as seen from outside; {NAME} as above
    hosted: bool = False  # runs its own notebook server, and no other port can be reached
    mirror: bool = False  # huggingface.co is out of reach


PLATFORMS = (
    Platform(  # before Colab: its image holds parts of Colab's
        key="kaggle",
        name="Kaggle",
        variables=("KAGGLE_KERNEL_RUN_TYPE",),
        keeps="/kaggle/working",
        models="/kaggle/tmp",
        bill=("End the session", "结束会话"),
        hosted=True,
    ),
    Platform(
        key="colab",
        name="Colab",
        variables=("COLAB_RELEASE_TAG", "COLAB_GPU"),
        keeps="/content/drive/MyDrive",
        models="/content",
        bill=("Disconnect and delete the runtime", "断开并删除运行时"),
        hosted=True,
    ),
    Platform(
        key="paperspace",
        name="Paperspace",
        variables=("PAPERSPACE_FQDN", "PAPERSPACE_NOTEBOOK_REPO_ID"),
        keeps="/storage",
        models="/storage",
        bill=("Destroy the machine", "销毁机器"),
        hosted=True,
    ),
    Platform(
        key="runpod",
        name="RunPod",
        variables=("RUNPOD_POD_ID",),
        files=("/etc/rp_environment",),
        environment_files=("/etc/rp_environment",),
        keeps="/workspace",
        models="/workspace",
        stop_command="runpodctl stop pod {RUNPOD_POD_ID}",
        bill=("Terminate the pod; a stopped pod still pays for its disk", "终止（terminate）Pod；仅停止时磁盘仍计费"),
        ssh=("root", "{RUNPOD_PUBLIC_IP}", "{RUNPOD_TCP_PORT_22}"),
    ),
    Platform(
        key="vast",
        name="Vast.ai",
        variables=("VAST_CONTAINERLABEL", "VAST_TCP_PORT_22"),
        files=("/root/.vast_containerlabel",),
        keeps="/",
        models="/",
        stop_command="vastai stop instance {CONTAINER_ID}",
        bill=("Destroy the instance; a stopped one still pays for its disk", "销毁（destroy）实例；仅停止时磁盘仍计费"),
        ssh=("root", "{PUBLIC_IPADDR}", "{VAST_TCP_PORT_22}"),
    ),
    Platform(
        key="autodl",
        name="AutoDL",
        variables=("AutoDLContainerUUID",),
        files=("/root/autodl-tmp",),
        keeps="/root/autodl-tmp",
        models="/root/autodl-tmp",
        stop_command="/usr/bin/shutdown",
        bill=("Shut the instance down; its disk is kept", "关机即停止计费，磁盘保留"),
        ssh=("root", "", "PORT"),
        mirror=True,
    ),
    Platform(
        key="lambda",
        name="Lambda",
        files=("/lambda/nfs/*",),
        keeps="/lambda/nfs/*",
        models="/lambda/nfs/*",
        bill=(
            "Terminate the instance; only its file system is kept, and billed",
            "终止实例；仅保留文件系统，且继续计费",
        ),
        ssh=("ubuntu", "", ""),
    ),
)
OWN = Platform(key="own", name="own machine")


def detect(environ: Mapping[str, str] = os.environ, root: str | Path = "/") -> Platform:
    """The platform that runs us, with its folders and commands filled in; `OWN` where none is recognised.

    ``root`` stands for ``/``: a test, or a mounted image, may lie elsewhere. ``keeps`` is '' unless the folder is
    there: a pod without a volume keeps nothing, Colab only what is written to a mounted Drive.
    """
    found = next((p for p in PLATFORMS if _recognised(p, environ, Path(root))), OWN)
    known = {**_written_down(found, Path(root)), **environ}
    if label := known.get("VAST_CONTAINERLABEL"):  # "C.123" is instance 123
        known.setdefault("CONTAINER_ID", label.split(".")[-1])
    user, host, port = found.ssh
    return replace(
        found,
        keeps=_existing(found.keeps, Path(root)),
        models=_existing(found.models, Path(root)) or (found.models and str(_inside(found.models, Path(root)))),
        stop_command=_filled(found.stop_command, known),
        # what the machine does not know about itself stands in capitals
        ssh=(_filled(user, known) or "USER", _filled(host, known) or "HOST", port and (_filled(port, known) or "PORT")),
    )


def _recognised(platform: Platform, environ: Mapping[str, str], root: Path) -> bool:
    return any(environ.get(name) for name in platform.variables) or any(_existing(f, root) for f in platform.files)


def _inside(path: str, root: Path) -> Path:
    return root / path.lstrip("/")


def _existing(pattern: str, root: Path) -> str:
    """The first path that matches, or ''; a folder that we may not look into holds nothing."""
    try:
        if "*" in pattern:
            return min((str(path) for path in root.glob(pattern.lstrip("/"))), default="")
        return str(_inside(pattern, root)) if pattern and _inside(pattern, root).exists() else ""
    except OSError:
        return ""


def _written_down(platform: Platform, root: Path) -> dict[str, str]:
    """The variables that the platform leaves in a file for logins that do not inherit them."""
    values: dict[str, str] = {}
    for file in platform.environment_files:
        try:
            text = _inside(file, root).read_text(errors="replace")
        except OSError:
            continue
        values |= dict(re.findall(r"^(?:export )?(\w+)=[\"']?(.*?)[\"']?$", text, re.MULTILINE))
    return values


def _filled(template: str, known: Mapping[str, str]) -> str:
    """The template with its {NAME}s; '' if one is not known or does not look like an id or an address."""
    names = re.findall(r"{(\w+)}", template)
    if not all(re.fullmatch(r"[\w.:-]+", known.get(name, "")) for name in names):
        return ""
    return template.format_map({name: known[name] for name in names})


def data_folder(platform: Platform, environ: Mapping[str, str] = os.environ) -> str:
    """Where models and caches go: ``$S2V_NB_DATA``, else a folder on the platform's disk; '' for the usual places."""
    if chosen := environ.get("S2V_NB_DATA"):
        return chosen
    return str(Path(platform.models) / DATA_NAME) if platform.models else ""


def environment(platform: Platform, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables to set before ``huggingface_hub`` is imported, which reads them once; the user's own win.

    ``MIRROR=1`` asks for the mirror of huggingface.co anywhere, ``MIRROR=0`` refuses it where it is the default.
    """
    wanted = {}
    if data := data_folder(platform, environ):
        # what was heard is small, and worth more on the disk that survives than on the fast one
        kept = str(Path(platform.keeps) / DATA_NAME) if platform.keeps and not environ.get("S2V_NB_DATA") else data
        wanted = {
            "HF_HOME": f"{data}/huggingface",
            "S2V_NB_MODELS": f"{data}/models",
            "XDG_CACHE_HOME": f"{kept}/cache",
        }
    mirror = environ.get("MIRROR") or ("1" if platform.mirror or environ.get("HF_ENDPOINT") else "0")
    if mirror != "0":
        wanted |= {"HF_ENDPOINT": MIRROR, "HF_HUB_DISABLE_XET": "1"}  # mirrors do not serve Xet
    else:
        wanted["HF_XET_HIGH_PERFORMANCE"] = "1"
    return {name: value for name, value in wanted.items() if not environ.get(name)}


def prepare(environ: MutableMapping[str, str] = os.environ, root: str | Path = "/") -> Platform:
    """The first cell of a hosted notebook: sets the environment, makes its folders, lets Colab show our widgets.

    Raises
    ------
    InputError
        If ``huggingface_hub`` is imported already, so that it would download to the wrong place.
    """
    platform = detect(environ, root)
    wanted = environment(platform, environ)
    if "huggingface_hub" in sys.modules and "HF_HOME" in wanted:
        from s2v_nb.errors import InputError

        raise InputError("platform.late")
    for name in ("HF_HOME", "S2V_NB_MODELS", "XDG_CACHE_HOME"):
        if name in wanted:
            Path(wanted[name]).mkdir(parents=True, exist_ok=True)
    environ.update(wanted)
    if platform.key == "colab":
        from google.colab import output  # type: ignore[import-not-found,unused-ignore]

        output.enable_custom_widget_manager()
    return platform


def tunnel(platform: Platform, port: int) -> str:
    """The ssh command that brings ``port`` of this machine to the user's own; '' where it cannot be reached so.

    ``platform`` comes from `detect`; USER, HOST or PORT in it are to be read from the platform's console.
    """
    if platform.hosted:
        return ""
    user, host, ssh_port = platform.ssh
    way = f"-p {ssh_port} " if ssh_port else ""
    return f"ssh {way}-L {port}:127.0.0.1:{port} {user}@{host}"


def _shell(platform: Platform, port: int) -> str:
    """Lines for a shell's eval: PLATFORM_* for the script, the environment exported for everything it starts."""
    facts = {
        "PLATFORM": platform.key,
        "PLATFORM_NAME": platform.name,
        "PLATFORM_KEEPS": platform.keeps,
        "PLATFORM_HOSTED": "1" if platform.hosted else "",
        "PLATFORM_STOP": platform.stop_command,
        "PLATFORM_BILL": platform.bill[0],
        "PLATFORM_TUNNEL": tunnel(platform, port),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in facts.items()]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment(platform).items()]
    return "\n".join(lines)


def _described(platform: Platform) -> str:
    rows = {
        "platform": platform.name,
        "survives a stop": platform.keeps,
        "stop": platform.stop_command,
        "bill": platform.bill[0],
        **environment(platform),
    }
    return "\n".join(f"{name:24} {value}" for name, value in rows.items() if value)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Say which platform this is and where its models belong.")
    parser.add_argument("--shell", action="store_true", help="as lines for a shell's eval")
    parser.add_argument("--port", type=int, default=8888, help="of the notebook server (default 8888)")
    parser.add_argument("--root", default="/", help="the folder that stands for / (default /)")
    options = parser.parse_args(arguments)
    platform = detect(os.environ, options.root)
    print(_shell(platform, options.port) if options.shell else _described(platform))


if __name__ == "__main__":
    main()
