#!/usr/bin/env bash
# Installs a Chromium without a window from Debian's packages, if there is none.
set -euo pipefail

for name in "${AGENKIT_TEST_CHROMIUM:-chromium}" chromium-headless-shell chromium-browser google-chrome; do
  if command -v -- "$name" >/dev/null; then exit 0; fi
done
if ! command -v apt-get >/dev/null; then
  echo "There is no Chromium and no apt-get to install one with." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq -o Acquire::Retries=5
"${as_root[@]}" apt-get install -y -qq -o Acquire::Retries=5 --no-install-recommends chromium-headless-shell >/dev/null
