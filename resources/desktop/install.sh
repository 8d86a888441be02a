#!/bin/sh
# Makes TL Studio part of your desktop, for you alone. Needs no administrator and no network.
#
#   ./install.sh              copies the program to ~/.local/lib/tlstudio and adds it to the menu
#   ./install.sh --here       adds it to the menu and leaves the program where it is
#   ./install.sh --uninstall  takes all of that away again; your projects stay
set -eu

id=io.github.tlstudio.TLStudio
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
program=$HOME/.local/lib/tlstudio
data=${XDG_DATA_HOME:-$HOME/.local/share}
command=$HOME/.local/bin/tlstudio

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit 1
}

copy_program() {
    [ "$here" != "$program" ] || return 0
    printf 'Copying the program to %s. This may take a minute.\n' "$program"
    mkdir -p "$HOME/.local/lib"
    rm -rf "$program.new"
    cp -RP "$here" "$program.new" || fail "It could not be copied. Is there room for it? ./install.sh --here copies nothing."
    rm -rf "$program"
    mv "$program.new" "$program"
}

# The menu entry, with the place of the program in it. Desktop files have their own rules for what stands in quotes.
write_entry() {
    quoted=$(printf '%s' "$1" | sed -e 's/[\\"`$]/\\&/g' -e 's/\\/\\\\/g' -e 's/%/%%/g')
    plain=$(printf '%s' "$1" | sed -e 's/\\/\\\\/g')
    while IFS= read -r line; do
        case $line in
            Exec=tlstudio*) printf 'Exec="%s"%s\n' "$quoted" "${line#Exec=tlstudio}" ;;
            TryExec=*) printf 'TryExec=%s\n' "$plain" ;;
            *) printf '%s\n' "$line" ;;
        esac
    done <"$here/share/applications/$id.desktop"
}

refresh() {
    if command -v update-mime-database >/dev/null; then
        update-mime-database "$data/mime"
    else
        printf 'update-mime-database (package shared-mime-info) is missing: .tlmodel files stay without their own type.\n'
    fi
    if command -v update-desktop-database >/dev/null; then
        update-desktop-database "$data/applications"
    elif [ "$1" = added ] && command -v xdg-mime >/dev/null; then
        xdg-mime default "$id.desktop" application/x-tlstudio-model
    fi
    # Desktops look at this folder's date to see that there are new icons.
    [ ! -d "$data/icons/hicolor" ] || touch "$data/icons/hicolor"
}

files() {
    (cd "$here/share" && find . -type f)
}

install_for_me() {
    [ -d "$here/_internal" ] || fail "The program is not beside this script. Unpack the whole archive and start it from there."
    "$here/tlstudio" --version >/dev/null || fail "The program does not start on this system; its message is above."
    target=$here
    if [ "$1" = copy ]; then
        copy_program
        target=$program
    fi
    files | while IFS= read -r file; do
        mkdir -p "$data/$(dirname "$file")"
        cp "$here/share/$file" "$data/$file"
    done
    write_entry "$target/tlstudio" >"$data/applications/$id.desktop"
    mkdir -p "$(dirname "$command")"
    ln -sf "$target/tlstudio" "$command"
    refresh added
    printf 'TL Studio is in your menu, and opens .tlmodel files. On the command line it is %s.\n' "$command"
}

uninstall() {
    files | while IFS= read -r file; do
        rm -f "$data/$file"
    done
    case $(readlink "$command" || true) in
        "$program/tlstudio" | "$here/tlstudio") rm -f "$command" ;;
    esac
    refresh removed
    [ ! -d "$program/_internal" ] || rm -rf "$program"
    printf 'TL Studio is out of your menu. Your projects, models and settings are where they were.\n'
}

# Read as a whole before it runs, because it may remove itself.
main() {
    case ${1-} in
        '') install_for_me copy ;;
        --here) install_for_me here ;;
        --uninstall) uninstall ;;
        *) fail 'Use: install.sh [--here | --uninstall]' ;;
    esac
    exit 0
}
main "$@"
