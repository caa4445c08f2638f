#!/usr/bin/env bash
# Install Debian's Chromium for the tests in tests/browser, where no browser is found and root may. Nothing else needs
# it; without one those tests are skipped.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
# the one that `python -m playwright install chromium` fetches
found=("${PLAYWRIGHT_BROWSERS_PATH:-${HOME:-}/.cache/ms-playwright}"/chromium-*)
if [ -d "${found[0]}" ]; then exit 0; fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "set-up: installing chromium for the browser tests"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
        >/dev/null || echo "set-up: apt-get could not install chromium; the browser tests are skipped" >&2
else
    echo "set-up: no browser: the browser tests are skipped; get one with: sudo apt-get install chromium" >&2
fi
