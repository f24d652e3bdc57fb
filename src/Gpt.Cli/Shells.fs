namespace Gpt.Cli

/// The scripts that make shells ask `gpt complete` for what may come next. It is given the words after `gpt`, the last being
/// what was typed of a word, and prints a candidate a line; where it prints none, the shell offers files.
[<RequireQualifiedAccess>]
module Shells =

    let private bash =
        """# bash completion for gpt: put `source <(gpt completion bash)` into ~/.bashrc.
_gpt_complete() {
    local IFS=$'\n'
    COMPREPLY=($("$1" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _gpt_complete gpt"""

    let private zsh =
        """#compdef gpt
# zsh completion for gpt: put `source <(gpt completion zsh)` into ~/.zshrc, after compinit.
_gpt_complete() {
    local -a found
    found=("${(@f)$("${words[1]}" complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${found[1]}" ]]; then
        compadd -- "${found[@]}"
    else
        _files
    fi
}
compdef _gpt_complete gpt"""

    let private fish =
        """# fish completion for gpt: put `gpt completion fish | source` into ~/.config/fish/config.fish.
complete -c gpt -a '(gpt complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'"""

    let private pwsh =
        """# PowerShell completion for gpt: put `gpt completion pwsh | Out-String | Invoke-Expression` into $PROFILE.
Register-ArgumentCompleter -Native -CommandName gpt -ScriptBlock {
    param($typed, $line, $position)
    $words = @($line.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    if ($typed -eq '') { $words += '' }
    gpt complete @words 2>$null | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}"""

    let private scripts = [ "bash", bash; "zsh", zsh; "fish", fish; "pwsh", pwsh ]

    /// The shells that there is a script for.
    let all: string list = List.map fst scripts

    let script (shell: string) : string option = scripts |> List.tryFind (fst >> (=) shell) |> Option.map snd
