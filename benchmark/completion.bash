# Completion of the command cloudmask: its commands, then what the help of each names, then files.
# shellcheck disable=SC2207 # zsh, which reads this too, has no mapfile
_cloudmask() {
    local current="${COMP_WORDS[COMP_CWORD]}" command="${COMP_WORDS[1]}" verb="${COMP_WORDS[2]}" help words
    local commands="@COMMANDS@"
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "$commands --help --version" -- "$current"))
        return
    fi
    case " $commands " in *" $command "*) ;; *) return ;; esac
    help="$(cloudmask "$command" --help 2>/dev/null)"
    # verbs are indented by four below their heading
    words="$(sed -n 's/^    \([a-z][a-z-]*\)  .*/\1/p; s/^    \([a-z][a-z-]*\)$/\1/p' <<<"$help")"
    if ((COMP_CWORD > 2)) && [[ -n "$words" && " ${words//$'\n'/ } " == *" $verb "* ]]; then
        help="$(cloudmask "$command" "$verb" --help 2>/dev/null)"
        words=""
    elif ((COMP_CWORD > 2)); then
        words=""
    fi
    if [[ "$current" == -* ]]; then
        words="$(grep -oE -- '--[a-z][a-z-]+' <<<"$help" | sort -u)"
    elif [[ -z "$words" ]]; then
        return # files
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -o bashdefault -F _cloudmask cloudmask
