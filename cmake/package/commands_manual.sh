#!/bin/sh
# commands_manual.sh CAPSULECTL PAGE: the page, with each command's --help in place of the line "<!-- commands -->".
set -eu
capsulectl=$1 page=$2

# The commands of "capsulectl $*", one a line.
commands_of() {
    "$capsulectl" "$@" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z]*\)[ ,].*/\1/p'
}

section() {
    printf '## %s\n\n' "$*"
    COLUMNS=72 "$capsulectl" "$@" --help | sed 's/^/    /'
    printf '\n'
}

sections() {
    for command in $(commands_of); do
        section "$command"
        for inner in $(commands_of "$command"); do
            section "$command" "$inner"
        done
    done
}

sed '/^<!-- commands -->$/,$d' "$page"
sections
sed '1,/^<!-- commands -->$/d' "$page"
