//! Ways out of a failure, of which a line names only those that the command has flags for.

use std::sync::OnceLock;

/// The flags of the command that was given. Errors are explained in many places, and a process has
/// one command.
static FLAGS: OnceLock<Vec<String>> = OnceLock::new();

/// What is left to do where no flag helps.
const NO_FLAG: &str = "choose another place";

/// Remembers which flags the command has.
pub(crate) fn remember(command: &clap::Command) {
    let flags = command.get_arguments().filter_map(clap::Arg::get_long);
    // The first command of a process is its only one.
    let _ = FLAGS.set(flags.map(str::to_owned).collect());
}

/// `a, b, or c`: those of the ways whose flag there is, and those without one.
pub(super) fn ways(all: &[&str]) -> String {
    among(all, FLAGS.get().map(Vec::as_slice))
}

/// Without a command every flag is known.
fn among(all: &[&str], flags: Option<&[String]>) -> String {
    let is_there = |way: &&&str| {
        let mut named = way.split(' ').filter_map(|word| word.strip_prefix("--"));
        named.all(|flag| flags.is_none_or(|flags| flags.iter().any(|known| known == flag)))
    };
    let there: Vec<&str> = all.iter().filter(is_there).copied().collect();
    match there.as_slice() {
        [] => NO_FLAG.to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{}, or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_flags_of_the_command_are_named() {
        let all = [
            "wait for it",
            "choose another --out",
            "add rows with --append",
        ];
        let of = |flags: &[&str]| {
            let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
            among(&all, Some(&flags))
        };
        let every = "wait for it, choose another --out, or add rows with --append";
        assert_eq!(among(&all, None), every);
        assert_eq!(of(&["append", "out"]), every);
        assert_eq!(
            of(&["out", "output"]),
            "wait for it, or choose another --out"
        );
        assert_eq!(of(&["to"]), "wait for it");
        assert_eq!(among(&all[1..], Some(&[])), NO_FLAG);
    }
}
