"""What `make audit` reports: known vulnerabilities, licences and whether the installed files are those of the wheels.

python env/audit.py            exit status 1 if something was found
python env/audit.py --strict   also where vulnerabilities could not be looked up
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

from locked import APART, canonical

HERE = Path(__file__).parent
AUDITOR = "pip-audit==2.9.0"
SERVICES = ("pypi", "osv")
# where a package does not say it in its metadata, what its licence file says
KNOWN = {"torchao": "BSD-3-Clause"}
# taken as they are: nothing of ours is linked with them for good, and each can be replaced
ALLOWED = re.compile(
    r"MIT|BSD|APACHE|ISC|PSF|PYTHON SOFTWARE FOUNDATION|MPL|MOZILLA PUBLIC|LGPL|LESSER GENERAL PUBLIC|UNLICENSE|ZLIB|"
    r"CC0|HPND|CNRI|NVIDIA PROPRIETARY"
)
FORBIDDEN = re.compile(
    r"AGPL|AFFERO|\bGPL|(?<!LESSER )GENERAL PUBLIC|NON-?COMMERCIAL|-NC\b|SSPL|COMMONS CLAUSE|BUSL|BUSINESS SOURCE"
)


def packages() -> list[Distribution]:
    """Every installed package that the lock names."""
    text = (HERE / "requirements.lock").read_text() + (HERE / "constraints.txt").read_text()
    names = {canonical(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)} | set(APART)
    return sorted((d for d in distributions() if canonical(d.name) in names), key=lambda d: canonical(d.name))


def licence(package: Distribution) -> str:
    """As its metadata says: the expression, else the classifiers, else the first line of the free text."""
    about = package.metadata
    lines = about.get_all("Classifier", [])
    classifiers = [line.rpartition(" :: ")[2] for line in lines if line.startswith("License ::")]
    text = about.get("License", "").strip()
    said = about.get("License-Expression") or "; ".join(classifiers) or text.partition("\n")[0]
    return said or KNOWN.get(canonical(package.name), "")


def refusal(said: str) -> str:
    """Why a licence is not taken; '' if it is. Of several that one may choose from, one is enough."""
    reasons = []
    for choice in re.split(r"\bOR\b", said.upper()):
        if FORBIDDEN.search(choice):
            reasons.append("forbidden")
        elif not ALLOWED.search(choice):
            reasons.append("unknown")
        else:
            return ""
    return reasons[0]


def changed_files(package: Distribution) -> list[str]:
    """Files that are not as the package's RECORD lists them."""
    changed = []
    for file in package.files or ():
        if file.hash is None or file.suffix == ".pyc":
            continue
        try:
            digest = hashlib.new(file.hash.mode, Path(str(file.locate())).read_bytes()).digest()
        except OSError:
            digest = b""
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            changed.append(str(file))
    return changed


def vulnerabilities(lock: Path) -> tuple[list[str], int]:
    """What a vulnerability service knows of the locked versions, and how many packages it could be asked about."""
    for service in SERVICES:
        command = [sys.executable, "-m", "uv", "tool", "run", AUDITOR, "--disable-pip", "--no-deps", "--format", "json"]
        command += ["--progress-spinner", "off", "--vulnerability-service", service, "-r", str(lock)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=600)  # noqa: S603
            found, asked = read(done.stdout)
        except (OSError, ValueError, subprocess.SubprocessError):
            continue
        if asked:
            return found, asked
    return [], 0


def read(answer: str) -> tuple[list[str], int]:
    """The auditor's JSON; ValueError if it is none."""
    entries = [entry for entry in json.loads(answer)["dependencies"] if "skip_reason" not in entry]
    found = [f"{entry['name']} {entry['version']}: {vulnerability['id']} (mended in "
             f"{', '.join(vulnerability['fix_versions']) or 'no version yet'})"
             for entry in entries for vulnerability in entry["vulns"]]  # fmt: skip
    return found, len(entries)


def licences(installed: Iterable[Distribution]) -> list[str]:
    """Print the report; what is not taken."""
    bad = []
    for package in installed:
        said = licence(package)
        print(f"  {package.name:32} {package.version:14} {said}")
        if why := refusal(said):
            bad.append(f"{package.name} {package.version}: {why} licence {said!r}")
    return bad


def main() -> None:
    installed, faults = packages(), []
    print("licences:")
    faults += licences(installed)
    altered = {package.name: changed_files(package) for package in installed}
    faults += [f"{name}: {len(files)} files are not as they were installed, first {files[0]}"
               for name, files in altered.items() if files]  # fmt: skip
    print(f"files: those of {len(installed)} packages compared with what their wheels list")
    found, asked = vulnerabilities(HERE / "requirements.lock")
    faults += found
    if asked:
        print(f"vulnerabilities: {asked} packages looked up, {len(found)} found; torch and its CUDA libraries were not")
    else:
        print(
            "vulnerabilities: NOT CHECKED, no service could be reached; run this again where pypi.org or osv.dev can be"
        )
    for fault in faults:
        print(f"FOUND {fault}")
    sys.exit(bool(faults) or ("--strict" in sys.argv and not asked))


if __name__ == "__main__":
    main()
