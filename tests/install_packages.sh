#!/usr/bin/env bash
# install_packages.sh [--build | --package]: installs what is missing of packages.txt (--build: only what the build
# needs; --package: that, and what cpack needs) from Debian's archive. Does not touch apt when nothing is. A package that
# another installed one provides counts as installed (Node.js from elsewhere brings its own npm).
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

until=
case ${1:-} in
--build) until='/^# The package$/,$d' ;;
--package) until='/^# The tests$/,$d' ;;
esac
mapfile -t wanted < <(sed -e "$until" "$here/packages.txt" | sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d')

# Names of all installed packages and of what they provide.
installed=$(dpkg-query --show --showformat='${db:Status-Status}|${Package}, ${Provides}\n' |
    sed -n 's/^installed|//p' | tr ',' '\n' | sed -e 's/(.*//' -e 's/[[:space:]]//g')
missing=()
for entry in "${wanted[@]}"; do
    IFS='|' read -ra packages <<<"$entry" # one of them is enough; the first is Debian's
    found=false
    for package in "${packages[@]}"; do
        if grep -qxF -- "$package" <<<"$installed"; then found=true; fi
    done
    $found || missing+=("${packages[0]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Missing packages: ${missing[*]}" >&2
        echo "Run this as root, or as root first: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes "$@" </dev/null
}
echo "Installing: ${missing[*]}"
# The lists may be absent (a fresh image) or too old for the archive.
if ! apt install --no-install-recommends "${missing[@]}"; then
    apt update
    apt install --no-install-recommends "${missing[@]}"
fi
