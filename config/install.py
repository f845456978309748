"""Sets a checkout up: virtual environment, locked packages, front end, translations. Each step only when its inputs
have changed.

Run by the machine's own Python before anything is installed, so that it imports the standard library alone:
`python3 config/install.py` for what `make up` needs; with `dev` for tests and checks too; with `production` for the
product without the embedded servers.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STATIC = ROOT / "var" / "static"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 18
SYSTEM_PYTHON = Path("/usr/bin/python3")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


LOCKS = {
    "production": ["requirements.txt"],
    "embedded": ["requirements-embedded.txt"],
    "dev": ["requirements-embedded.txt", "requirements-dev.txt"],
}


def main(purpose: str) -> None:
    if sys.version_info < OLDEST_PYTHON:
        raise SystemExit(f"Shirase needs Python {'.'.join(map(str, OLDEST_PYTHON))} or newer, this is {sys.version}")
    with (ROOT / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_venv()
        for name in LOCKS[purpose]:
            install_packages(name)
        if purpose == "dev":
            find_browser()
        build_front_end()
        run([PYTHON, "manage.py", "translations", "--compile"])


def make_venv() -> None:
    """A folder that was copied or moved from elsewhere does not count: its scripts name another Python."""
    here = VENV / ".here"
    if PYTHON.exists() and here.exists() and here.read_text() == str(VENV):
        return
    say(f"making a virtual environment in {VENV.name}")
    done = subprocess.run([python(), "-m", "venv", "--clear", str(VENV)], check=False)
    if done.returncode:
        raise SystemExit("No virtual environment could be made. On Debian: apt-get install python3-venv")
    here.write_text(str(VENV))


def python() -> str | Path:
    """The one that runs this, unless it was built without profile-guided optimisation, as pyenv's are: it takes 1.4
    times the time. Then the system's own, where it is new enough and can make environments.
    """
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    if optimised or Path(sys.base_prefix) == SYSTEM_PYTHON.parent.parent or not SYSTEM_PYTHON.exists():
        return sys.executable
    fit = f"import ensurepip, sys, venv; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    done = subprocess.run([SYSTEM_PYTHON, "-c", fit], capture_output=True, check=False)
    return sys.executable if done.returncode else SYSTEM_PYTHON


def install_packages(lock: str) -> None:
    stamp = VENV / f".{lock}"
    digest = digest_of([ROOT / lock])
    if stamp.exists() and stamp.read_text() == digest:
        return
    say(f"installing {lock} (hash-checked)")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    run([PYTHON, "-m", "pip", "install", *quiet, "--require-hashes", "-r", lock])
    stamp.write_text(digest)


def build_front_end() -> None:
    """npm from the lock, without any package's own scripts, then esbuild, then a .gz beside each file."""
    inputs = [ROOT / "package.json", ROOT / "package-lock.json", *files(ROOT / "config" / "assets")]
    stamp, digest = STATIC / ".stamp", digest_of(inputs)
    if stamp.exists() and stamp.read_text() == digest:
        return
    say("building the front end")
    path = node_path()
    install_node_packages(path)
    run(["npm", "run", "--silent", "build"], path=path)
    run([PYTHON, "-m", "whitenoise.compress", "--quiet", STATIC])
    stamp.write_text(digest)


def install_node_packages(path: str) -> None:
    stamp, digest = ROOT / "node_modules" / ".stamp", digest_of([ROOT / "package.json", ROOT / "package-lock.json"])
    if stamp.exists() and stamp.read_text() == digest:
        return
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    run(["npm", "ci", "--ignore-scripts", *quiet], path=path)
    stamp.write_text(digest)


def find_browser() -> None:
    """Browser tests need a Chromium: root on a Debian gets one, anybody else is told how; without, they are skipped."""
    if any(shutil.which(name) for name in BROWSERS):
        return
    apt = shutil.which("apt-get")
    if os.geteuid() == 0 and apt:
        say("installing Chromium for the browser tests")
        quiet = ["-qq", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends", "-y"]
        for command in ([apt, "update", "-qq"], [apt, "install", *quiet, "chromium", "fonts-noto-cjk"]):
            subprocess.run(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False)
    if not any(shutil.which(name) for name in BROWSERS):
        say("NO CHROMIUM: browser tests will be skipped (as root: apt-get install chromium fonts-noto-cjk)")


def node_path() -> str:
    """A PATH on which `node` and `npm` are: the machine's own when new enough, else a wheel's in the environment."""
    if shutil.which("npm") and node_version("node") >= OLDEST_NODE:
        return os.environ.get("PATH", "")
    install_packages("requirements-node.txt")
    return f"{VENV / 'bin'}:{os.environ.get('PATH', '')}"


def node_version(program: str) -> int:
    if not shutil.which(program):
        return 0
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    major = said.strip().lstrip("v").split(".")[0]
    return int(major) if major.isdigit() else 0


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def digest_of(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.relative_to(ROOT)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def run(command: list[str | Path], *, path: str | None = None) -> None:
    environment = {**os.environ, "PATH": path or os.environ.get("PATH", "")}
    # The build belongs to the checkout, wherever this start keeps its data.
    environment.pop("VAR_DIR", None)
    done = subprocess.run([str(word) for word in command], cwd=ROOT, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"This step failed: {' '.join(str(word) for word in command)}")


def say(text: str) -> None:
    print(f"· {text}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "embedded")
