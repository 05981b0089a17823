#!/usr/bin/env bash
# Installs what the tests need beside Node: a software Vulkan driver that WebGPU accepts, and a browser.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "setup: not root, using what is installed"; exit 0; }
need=()
[ -e /usr/share/vulkan/icd.d/lvp_icd.json ] || need+=(mesa-vulkan-drivers/bookworm-backports)
ldconfig -p | grep -q libvulkan.so.1 || need+=(libvulkan1)
[ -x /usr/bin/chromium ] || need+=(chromium)
[ ${#need[@]} -gt 0 ] || exit 0
. /etc/os-release
if [ "${VERSION_CODENAME:-}" = bookworm ]; then
  echo "deb http://deb.debian.org/debian bookworm-backports main" > /etc/apt/sources.list.d/adapt-backports.list
else
  need=("${need[@]/\/bookworm-backports/}")
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}"
