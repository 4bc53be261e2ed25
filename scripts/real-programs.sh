#!/usr/bin/env bash
# Installs what tests/real and tests/lab talk to: QEMU, libvirtd, virsh, virt-xml-validate and the
# xmllint it calls, Chromium with its driver, and what builds the file system of an emulated host.
# Only what is missing, only with apt-get and as root, and without starting any service: the tests
# start a private libvirtd of their own. Ends with success in any case; whether a missing program is a
# skip or an error is for tests/real/conftest.py to say (SLOTSOLVER_REQUIRE_REAL=1: an error).
set -euo pipefail

# program, Debian package
readonly wanted=(
  qemu-system-x86_64 qemu-system-x86
  libvirtd libvirt-daemon-system
  virsh libvirt-clients
  virt-xml-validate libvirt-clients
  xmllint libxml2-utils
  chromium chromium
  chromedriver chromium-driver
  debootstrap debootstrap
  mke2fs e2fsprogs
)
readonly policy=/usr/sbin/policy-rc.d
PATH=$PATH:/usr/sbin:/sbin

missing_packages() {
  local i
  for ((i = 0; i < ${#wanted[@]}; i += 2)); do
    command -v "${wanted[i]}" >/dev/null || echo "${wanted[i + 1]}"
  done | sort -u
}

# Debian asks policy-rc.d before a package starts its service; 101 means "do not".
install_without_starting() {
  if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  {
    apt-get update -q &&
      DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
  } >&2
}

mapfile -t packages < <(missing_packages)
((${#packages[@]})) || exit 0

if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
  echo "real-programs: cannot install (needs root and apt-get): ${packages[*]}" >&2
elif ! install_without_starting "${packages[@]}"; then
  echo "real-programs: apt-get could not install: ${packages[*]}" >&2
fi

mapfile -t packages < <(missing_packages)
((${#packages[@]} == 0)) ||
  echo "real-programs: STILL MISSING: ${packages[*]}; the tests that need them cannot run" >&2
