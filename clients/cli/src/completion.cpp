#include <algorithm>
#include <capstan/cli/command_line.hpp>

/// Scripts that complete commands and flags. They hold the whole tree, so that completing needs no
/// call of `capstan`.
namespace capstan::cli {
namespace {

std::string joined(std::vector<std::string> const& words, std::string_view between) {
    std::string out;
    for (auto const& word : words) {
        out += (out.empty() ? "" : std::string(between)) + word;
    }
    return out;
}

/// In single quotes, for any of the three shells.
std::string quoted(std::string const& text) {
    std::string out = "'";
    for (char const c : text) {
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return out + "'";
}

std::vector<std::string> words_after(CommandSpec const& command, CommandSpec const& root) {
    std::vector<std::string> words = command.subcommands;
    for (auto const* flags : {&command.flags, &root.flags}) {
        for (auto const& flag : *flags) {
            if (std::ranges::find(words, flag.name) == words.end()) {
                words.push_back(flag.name);
            }
        }
    }
    return words;
}

/// `--output|-o) values="table plain …" ;;` for each flag with a few words.
std::string value_cases(std::vector<CommandSpec> const& specs) {
    std::string out;
    for (auto const& command : specs) {
        for (auto const& flag : command.flags) {
            if (!flag.values.empty()) {
                out += "        " + flag.name + (flag.letter.empty() ? "" : "|" + flag.letter) +
                       ") offers=" + quoted(joined(flag.values, " ")) + " ;;\n";
            }
        }
    }
    return out;
}

std::string command_cases(std::vector<CommandSpec> const& specs) {
    std::string out;
    for (auto const& command : specs) {
        out += "        " + quoted(joined(command.path, " ")) +
               ") offers=" + quoted(joined(words_after(command, specs.front()), " ")) + " ;;\n";
    }
    return out;
}

std::string known_paths(std::vector<CommandSpec> const& specs) {
    std::string out = "|";
    for (auto const& command : specs) {
        out += joined(command.path, " ") + "|";
    }
    return out;
}

/// Sets `offers`, given `line` (the words before the one to complete) and `before`, the last of
/// them.
std::string shell_body(std::vector<CommandSpec> const& specs) {
    return "    local word offers='' chain='' known=" + quoted(known_paths(specs)) + "\n" +
           "    for word in \"${line[@]}\"; do\n"
           "        [[ $known == *\"|${chain:+$chain }$word|\"* ]] && chain=\"${chain:+$chain "
           "}$word\"\n"
           "    done\n"
           "    case $before in\n" +
           value_cases(specs) +
           "    esac\n"
           "    [[ -n $offers ]] || case $chain in\n" +
           command_cases(specs) + "    esac\n";
}

std::string bash_script(std::vector<CommandSpec> const& specs) {
    return "# Completion of capstan for bash: source <(capstan completion bash)\n"
           "_capstan() {\n"
           "    local before=${COMP_WORDS[COMP_CWORD-1]} current=${COMP_WORDS[COMP_CWORD]}\n"
           "    local line=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n" +
           shell_body(specs) +
           "    mapfile -t COMPREPLY < <(compgen -W \"$offers\" -- \"$current\")\n"
           "}\n"
           "complete -o default -F _capstan capstan\n";
}

std::string zsh_script(std::vector<CommandSpec> const& specs) {
    return "#compdef capstan\n"
           "# Completion of capstan for zsh: capstan completion zsh > \"${fpath[1]}/_capstan\"\n"
           "_capstan() {\n"
           "    local before=${words[CURRENT-1]} all=(\"${words[@]}\")\n"
           "    local line=(\"${(@)all[2,CURRENT-1]}\")\n" +
           shell_body(specs) +
           "    [[ -n $offers ]] && compadd -- ${=offers} || _files\n"
           "}\n"
           "compdef _capstan capstan\n";
}

std::string fish_script(std::vector<CommandSpec> const& specs) {
    std::string out =
        "# Completion of capstan for fish: capstan completion fish | source\n"
        "complete -c capstan -f\n";
    for (auto const& command : specs) {
        std::string condition = "__fish_use_subcommand";
        if (!command.path.empty()) {
            condition.clear();
            for (auto const& word : command.path) {
                condition +=
                    (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
            }
        }
        for (auto const& child : command.subcommands) {
            out += "complete -c capstan -n " + quoted(condition) + " -a " + child + "\n";
        }
        for (auto const& flag : command.flags) {
            out += "complete -c capstan" +
                   (command.path.empty() ? "" : " -n " + quoted(condition)) + " -l " +
                   flag.name.substr(2) +
                   (flag.letter.empty() ? "" : " -s " + flag.letter.substr(1)) +
                   (flag.takes_value ? " -r" : "") +
                   (flag.values.empty() ? "" : " -a " + quoted(joined(flag.values, " "))) + " -d " +
                   quoted(flag.help) + "\n";
        }
    }
    return out;
}

}  // namespace

Result<std::string> completion_script(std::string_view shell) {
    auto const specs = command_specs();
    if (shell == "bash") {
        return bash_script(specs);
    }
    if (shell == "zsh") {
        return zsh_script(specs);
    }
    if (shell == "fish") {
        return fish_script(specs);
    }
    return Error{Errc::usage, "'" + std::string(shell) + "' is none of bash, zsh, fish"};
}

}  // namespace capstan::cli
